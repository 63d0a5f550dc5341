/* Helpers that drivers are written with, and that map nothing: counts, bitmaps, lists, locks, blocks. */
#include <linux/atomic.h>
#include <linux/bitfield.h>
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/idr.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

struct item {
	struct list_head node;
	struct kref kref;
	int value;
};

static DEFINE_MUTEX(gate);
static DEFINE_SPINLOCK(lock);
static struct item *left;
static int released;

/* What they give stands in the results, two digits each. */
int counts(void)
{
	atomic_t v = ATOMIC_INIT(3);
	int seen = atomic_add_return(4, &v);

	seen = seen * 100 + atomic_inc_return(&v);
	seen = seen * 100 + atomic_cmpxchg(&v, 8, 20);
	seen = seen * 100 + atomic_cmpxchg(&v, 8, 30);
	return seen * 100 + atomic_xchg(&v, 1) + atomic_dec_and_test(&v);
}

u64 wide_counts(void)
{
	atomic64_t v;
	u64 word = 5;

	atomic64_set(&v, 1LL << 40);
	atomic64_add(2, &v);
	atomic64_dec(&v);
	if (atomic64_inc_not_zero(&v) && cmpxchg(&word, 5, 9) == 5 && xchg(&word, 11) == 9)
		return (u64)atomic64_read(&v) + word;
	return 0;
}

static void item_release(struct kref *kref)
{
	released = container_of(kref, struct item, kref)->value;
	kfree(container_of(kref, struct item, kref));
}

int references(void)
{
	struct item *item = kzalloc(sizeof(*item), GFP_KERNEL);
	int first, unless;

	if (!item)
		return -ENOMEM;
	item->value = 7;
	kref_init(&item->kref);
	kref_get(&item->kref);
	unless = kref_get_unless_zero(&item->kref);
	first = kref_put(&item->kref, item_release) + kref_put(&item->kref, item_release);
	return 100 * unless + 10 * first + kref_put(&item->kref, item_release) + released;
}

int reference_of_none(void)
{
	refcount_t count;

	refcount_set(&count, 1);
	if (!refcount_dec_and_test(&count) || refcount_inc_not_zero(&count))
		return -EINVAL;
	refcount_inc(&count);
	return (int)refcount_read(&count);
}

/* Sum of the bits that are set. */
int bits(unsigned int size, unsigned int start, unsigned int count)
{
	unsigned long *map = bitmap_zalloc(size, GFP_KERNEL);
	unsigned int bit, sum = 0;

	if (!map)
		return -ENOMEM;
	bitmap_set(map, start, count);
	bitmap_clear(map, start, 1);
	for_each_set_bit(bit, map, size)
		sum += bit;
	bitmap_zero(map, size);
	if (find_first_bit(map, size) != size)
		sum = 0;
	bitmap_free(map);
	return (int)sum;
}

/* The numbers of two lists as digits, after all of one has come before the other. */
int lists(void)
{
	LIST_HEAD(one);
	LIST_HEAD(other);
	struct item items[4], *item;
	int index, digits = 0;

	for (index = 0; index < 4; index++) {
		items[index].value = index + 1;
		list_add_tail(&items[index].node, index < 2 ? &one : &other);
	}
	list_move_tail(&items[0].node, &one);
	list_splice_init(&one, &other);
	list_splice_init(&one, &other);
	if (!list_empty(&one))
		return -EINVAL;
	list_for_each_entry(item, &other, node)
		digits = digits * 10 + item->value;
	return digits;
}

static int guarded(int value)
{
	guard(mutex)(&gate);
	return value + 2 * mutex_is_locked(&gate);
}

int mutexes(void)
{
	int got, twice;

	mutex_lock(&gate);
	got = mutex_trylock(&gate);
	mutex_unlock(&gate);
	twice = mutex_trylock(&gate);
	mutex_unlock(&gate);
	if (mutex_lock_interruptible(&gate))
		return -EINTR;
	mutex_unlock(&gate);
	return got * 100 + twice * 10 + guarded(1) + 4 * mutex_is_locked(&gate);
}

void mutex_twice(void)
{
	mutex_lock(&gate);
	mutex_lock(&gate);
}

void mutex_without_owner(void)
{
	mutex_unlock(&gate);
}

void mutex_under_lock(void)
{
	spin_lock(&lock);
	mutex_lock(&gate);
	mutex_unlock(&gate);
	spin_unlock(&lock);
}

int tries(void)
{
	int got = spin_trylock(&lock), twice = spin_trylock(&lock);

	if (got)
		spin_unlock(&lock);
	return got * 10 + twice;
}

void sleeps_after_try(void)
{
	if (spin_trylock(&lock))
		msleep(1);
	spin_unlock(&lock);
}

/* Two statements of a race: what is between stays as it was. */
static int slots;

int add_under_mutex(struct device *dev, void *data)
{
	dma_addr_t dma;
	int slot;

	mutex_lock(&gate);
	slot = slots;
	dma = dma_map_single(dev, data, 64, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, dma)) {
		mutex_unlock(&gate);
		return -ENOMEM;
	}
	dma_unmap_single(dev, dma, 64, DMA_TO_DEVICE);
	slots = slot + 1;
	mutex_unlock(&gate);
	return 0;
}

int slots_taken(void)
{
	return slots;
}

int grows(void)
{
	char *p = kmalloc(40, GFP_KERNEL), *q;
	int held;

	if (!p)
		return -ENOMEM;
	memset(p, 3, 40);
	q = krealloc(p, 400, GFP_KERNEL | __GFP_ZERO);
	if (!q) {
		held = p[39];
		kfree(p);
		return -held;
	}
	held = q[39] * 10 + q[40];
	q = krealloc(q, 0, GFP_KERNEL);
	return held + (krealloc(NULL, 0, GFP_KERNEL) == q);
}

int after_it_grew(void)
{
	char *p = kzalloc(40, GFP_KERNEL);

	left = krealloc(p, 80, GFP_KERNEL);
	return p[0];
}

struct flexible {
	int count;
	u64 entries[];
};

int flexible(u32 count)
{
	struct flexible *one = kzalloc_flex(*one, entries, count);
	struct flexible *other = kzalloc_flex(struct flexible, entries, count, GFP_ATOMIC);
	int holds = -ENOMEM;

	if (one && other)
		holds = (int)(one->entries[count - 1] + other->entries[0] + struct_size(one, entries, count));
	kfree(one);
	kfree(other);
	return holds;
}

int bulk(void)
{
	struct page *pages[4] = { NULL, alloc_pages_node(-1, GFP_KERNEL, 0), NULL, NULL };
	struct page *own = pages[1];
	int index, got;

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
	got = (int)alloc_pages_bulk_array(GFP_KERNEL, 4, pages);
#else
	got = (int)alloc_pages_bulk(GFP_KERNEL, 4, pages);
#endif
	if (pages[1] != own)
		got = -EINVAL;
	for (index = 0; index < 4; index++)
		if (pages[index])
			__free_page(pages[index]);
	return got;
}

/* Warned twice, reported once. */
int warns_once(struct device *dev)
{
	int turn, seen = 0;

	for (turn = 0; turn < 2; turn++)
		seen += dev_WARN_ONCE(dev, turn < 5, "turn %d\n", turn);
	return seen;
}

s64 slept_ns(void)
{
	ktime_t before = ktime_get();

	usleep_range(30, 50);
	return ktime_get() - before;
}

static const struct pci_device_id ids[] = {
	{ PCI_VDEVICE(INTEL, 0x10d3), 42 },
	{ PCI_DEVICE(0x1af4, 0x1000), .driver_data = 43 },
	{ 0 },
};

u64 ids_sum(void)
{
	return ids[0].vendor + ids[0].device + ids[0].class_code + ids[0].driver_data +
	       ids[1].driver_data + ids[2].vendor;
}

/* Memory that is contiguous for the CPU only: it is mapped page by page. */
static int was;

void apart(struct device *dev)
{
	char *p = vzalloc(3 * PAGE_SIZE), *near = kmalloc(64, GFP_KERNEL);
	dma_addr_t whole, page;
	int seen = -ENOMEM;

	if (!p || !near)
		goto free;
	whole = dma_map_single(dev, p, 2 * PAGE_SIZE, DMA_TO_DEVICE);
	seen = (dma_mapping_error(dev, whole) != 0) + 10 * is_vmalloc_addr(p + PAGE_SIZE) + 100 * is_vmalloc_addr(near) +
	       1000 * is_vmalloc_addr(dev);
	page = dma_map_page(dev, vmalloc_to_page(p + PAGE_SIZE), 0, PAGE_SIZE, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, page))
		seen = -ENOMEM;
	else
		dma_unmap_page(dev, page, PAGE_SIZE, DMA_TO_DEVICE);
free:
	vfree(p);
	kfree(near);
	was = seen;
}

int apart_was(void)
{
	return was;
}

void no_vmalloc(void)
{
	char *near = kmalloc(64, GFP_KERNEL);

	vmalloc_to_page(near);
}

/* Pages that are held twice: of a compound one any page stands for all. */
int held_pages(void)
{
	struct page *compound = alloc_pages(GFP_KERNEL | __GFP_COMP, 2), *plain = alloc_pages(GFP_KERNEL, 1);
	int seen = -ENOMEM;

	if (compound && plain) {
		get_page(compound + 3);
		get_page(plain);
		__free_pages(compound, 2);
		__free_pages(plain, 1);
		*(char *)page_address(compound) = *(char *)page_address(plain) = 1;
		seen = (int)(page_size(compound) / PAGE_SIZE) * 100 + (int)(page_size(plain) / PAGE_SIZE) * 10 +
		       (int)compound_order(compound + 1);
	}
	if (plain)
		put_page(plain);
	if (compound)
		put_page(compound);
	return seen;
}

/* An order is unsigned: one below 0 is more than there is. */
int no_pages(void)
{
	return !__get_free_pages(GFP_KERNEL, -1) && !alloc_pages(GFP_KERNEL, 31);
}

int after_the_last(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	get_page(page);
	put_page(page);
	put_page(page);
	return *(char *)page_address(page);
}

/* A page of the script's: what is taken is freed, and it stays. */
void borrow(void *data)
{
	get_page(virt_to_page(data));
	put_page(virt_to_page(data));
}

/* What is kept by index, in the order of the indexes, as digits; then what the calls gave. */
int tables(void)
{
	DEFINE_XARRAY_ALLOC(xa);
	static int values[4] = { 1, 2, 3, 4 };
	unsigned long index;
	int *entry, digits = 0;
	u32 id = 99;

	if (xa_err(xa_store(&xa, 70, &values[0], GFP_KERNEL)) || xa_err(xa_store(&xa, 5, &values[1], GFP_KERNEL)) ||
	    xa_err(xa_store(&xa, 1UL << 40, &values[2], GFP_KERNEL))) {
		xa_destroy(&xa);
		return -ENOMEM;
	}
	if (xa_store(&xa, 5, &values[3], GFP_KERNEL) != &values[1] || xa_load(&xa, 6) || xa_erase(&xa, 6))
		digits = 9;
	xa_for_each(&xa, index, entry)
		digits = digits * 10 + *entry;
	if (xa_erase(&xa, 70) != &values[0] || xa_load(&xa, 70))
		digits = 0;
	if (xa_alloc(&xa, &id, &values[0], XA_LIMIT(5, 6), GFP_KERNEL) == 0)
		digits = digits * 100 + (int)id * 10 + (xa_alloc(&xa, &id, &values[0], XA_LIMIT(5, 6), GFP_KERNEL) == -EBUSY);
	xa_destroy(&xa);
	return digits * 10 + xa_empty(&xa);
}

int numbers(void)
{
	DEFINE_IDR(idr);
	DEFINE_IDA(ida);
	static int value;
	int first = idr_alloc(&idr, &value, 3, 5, GFP_KERNEL), second = idr_alloc(&idr, &value, 3, 5, GFP_KERNEL);
	int third = idr_alloc(&idr, &value, 3, 5, GFP_KERNEL), alone = ida_alloc(&ida, GFP_KERNEL), next;

	next = ida_alloc(&ida, GFP_KERNEL);
	if (first >= 0 && idr_find(&idr, first) != &value)
		first = 9;
	idr_remove(&idr, first);
	if (idr_find(&idr, first))
		first = 9;
	ida_free(&ida, (unsigned int)alone);
	alone = ida_alloc(&ida, GFP_KERNEL);
	idr_destroy(&idr);
	ida_destroy(&ida);
	return third == -ENOSPC ? first * 1000 + second * 100 + alone * 10 + next : third;
}

#define FIELD_LOW GENMASK(7, 0)
#define FIELD_HIGH GENMASK_ULL(47, 44)

/* A word of two fields, what is in them, and what does not fit. */
u64 fields(void)
{
	u64 word = FIELD_PREP(FIELD_LOW, 0x1ab) | FIELD_PREP(FIELD_HIGH, 0x5);

	if (FIELD_GET(FIELD_LOW, word) != 0xab || FIELD_GET(FIELD_HIGH, word) != 5 || FIELD_MAX(FIELD_HIGH) != 15)
		return 0;
	return FIELD_FIT(FIELD_HIGH, 16) || !FIELD_FIT(FIELD_HIGH, 15) ? 0 : word;
}

static int by_block(int how)
{
	if (how == 0) {
		guard(spinlock)(&lock);
		lockdep_assert_held(&lock);
		return 1;
	}
	guard(spinlock_irqsave)(&lock);
	if (how == 2)
		usleep_range(10, 20);
	return 2;
}

/* Locks that are released where their block ends, however it does. */
int guards(int sleeps)
{
	int seen = by_block(0) * 10 + by_block(sleeps ? 2 : 1);

	msleep(1);
	return seen * 10 + !spin_is_locked(&lock);
}

/* The last first. */
int backwards(void)
{
	struct item items[3] = { { .value = 1 }, { .value = 2 }, { .value = 3 } };
	struct item *item;
	LIST_HEAD(list);
	int digits = 0, at;

	for (at = 0; at < 3; at++)
		list_add_tail(&items[at].node, &list);
	list_for_each_entry_reverse(item, &list, node)
		digits = digits * 10 + item->value;
	return digits;
}

static int speed = 3;
module_param(speed, int, 0444);
MODULE_PARM_DESC(speed, "how fast");
MODULE_VERSION("1");

static const struct pci_device_id helper_ids[] = {
	{ PCI_DEVICE(1, 2) },
	{ 0 },
};
MODULE_DEVICE_TABLE(pci, helper_ids);

int parameter(void)
{
	return speed;
}

static DEFINE_MUTEX(outer);
static DEFINE_SPINLOCK(inner);

void one_way(void)
{
	mutex_lock(&gate);
	mutex_lock(&outer);
	mutex_unlock(&outer);
	mutex_unlock(&gate);
}

void other_way(void)
{
	mutex_lock(&outer);
	mutex_lock(&gate);
	mutex_unlock(&gate);
	mutex_unlock(&outer);
}

/* Trylock of the second one: it never waits. */
int other_way_tried(void)
{
	int got;

	mutex_lock(&outer);
	got = mutex_trylock(&gate);
	if (got)
		mutex_unlock(&gate);
	mutex_unlock(&outer);
	return got;
}

/* Over a third one: the gate before the inner one, that one before the outer one. */
void by_a_third(int last)
{
	guard(mutex)(last ? &outer : &gate);
	if (last) {
		guard(mutex)(&gate);
	} else {
		mutex_lock(&outer);
		spin_lock(&inner);
		spin_unlock(&inner);
		mutex_unlock(&outer);
	}
}

struct locked {
	struct mutex mutex;
};

/* The second time the two lie where the others lay, the other way round. */
int in_memory(void)
{
	int turn;

	for (turn = 0; turn < 2; turn++) {
		struct locked *a = kzalloc(sizeof(*a), GFP_KERNEL), *b = kzalloc(sizeof(*b), GFP_KERNEL);
		struct locked *first = turn && a < b ? b : a, *second = first == a ? b : a;

		if (!a || !b)
			return -ENOMEM;
		mutex_init(&a->mutex);
		mutex_init(&b->mutex);
		mutex_lock(&first->mutex);
		mutex_lock(&second->mutex);
		mutex_unlock(&second->mutex);
		mutex_unlock(&first->mutex);
		kfree(b);
		kfree(a);
	}
	return 0;
}

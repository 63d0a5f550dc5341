/* What keeps memory for a driver: caches, pools of elements, lists with a first part of one's own. */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mempool.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

struct entry {
	u32 made;
	u32 rest[7];
};

static struct kmem_cache *cache;
static mempool_t *pool;
static void *taken[4];

static void make(void *block)
{
	((struct entry *)block)->made = 42;
}

/* Each result is a sum of what holds. */
int caches(void)
{
	struct kmem_cache_args args = { .ctor = make };
	struct kmem_cache *plain = KMEM_CACHE(entry, SLAB_HWCACHE_ALIGN);
	struct kmem_cache *made = kmem_cache_create("made", sizeof(struct entry), &args, 0);
	struct entry *zeroed, *one;
	int holds = -ENOMEM;

	if (!plain || !made)
		goto destroy;
	zeroed = (struct entry *)kmem_cache_zalloc(plain, GFP_KERNEL);
	one = (struct entry *)kmem_cache_alloc(made, GFP_ATOMIC);
	if (zeroed && one)
		holds = (zeroed->rest[6] == 0) + 2 * (one->made == 42) + 4 * (zeroed != one);
	kmem_cache_free(plain, zeroed);
	kmem_cache_free(made, one);
destroy:
	kmem_cache_destroy(plain);
	kmem_cache_destroy(made);
	return holds;
}

int forgets_a_block(void)
{
	cache = kmem_cache_create("entries", sizeof(struct entry), 0, 0, NULL);
	taken[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_destroy(cache);
	kfree(taken[0]);
	return 0;
}

int beyond_a_block(void)
{
	struct entry *one;

	cache = KMEM_CACHE(entry, 0);
	one = (struct entry *)kmem_cache_alloc(cache, GFP_KERNEL);
	one[1].made = 1;
	return 0;
}

int pool_open(int min)
{
	cache = KMEM_CACHE(entry, 0);
	if (!cache)
		return -ENOMEM;
	pool = mempool_create_slab_pool(min, cache);
	if (!pool)
		kmem_cache_destroy(cache);
	return pool ? 0 : -ENOMEM;
}

int pool_take(int at, int may_sleep)
{
	taken[at] = mempool_alloc(pool, may_sleep ? GFP_KERNEL : GFP_ATOMIC);
	return taken[at] ? 0 : -ENOMEM;
}

void pool_give(int at)
{
	mempool_free(taken[at], pool);
}

void pool_close(void)
{
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
}

/* Blocks by what they are for. */
int objects(void)
{
	struct entry *one = kzalloc_obj(*one), *some = kzalloc_objs(struct entry, 3, GFP_ATOMIC);
	u64 *number = kmalloc_obj(u64);
	int holds = 0;

	if (one && some && number) {
		*number = 7;
		holds = (one->made == 0) + 2 * (some[2].rest[6] == 0) + 4 * (*number == 7);
	}
	kfree(one);
	kfree(some);
	kfree(number);
	return holds;
}

/* A list of that many entries, of which three have room here. */
int chained(int count)
{
	struct scatterlist first[3];
	struct sg_table table;
	int index, seen = 0, error = sg_alloc_table_chained(&table, count, first, 3);
	struct scatterlist *sg;

	if (error)
		return error;
	for_each_sgtable_sg(&table, sg, index)
		seen++;
	seen = seen * 2 + (table.sgl == first);
	sg_free_table_chained(&table, 3);
	return seen;
}

/* Registers of 8, 16 and 64 bits. */
int narrow(struct pci_dev *pdev)
{
	void __iomem *regs = pci_iomap(pdev, 0, 0);
	int holds;

	writeb(0x1ff & 0xff, regs + 0x11);
	writew(0xabcd, regs + 0x12);
	hi_lo_writeq(0x100000002ull, regs + 0x20);
	holds = (readl(regs + 0x10) == 0xabcdff00) + 2 * (readb(regs + 0x13) == 0xab) +
		4 * (readw(regs + 0x10) == 0xff00) + 8 * (lo_hi_readq(regs + 0x20) == 0x100000002ull);
	pci_iounmap(pdev, regs);
	return holds;
}

/* 64 bits behind which no device answers: how many of three values come as they were written. */
int whole(unsigned long phys, u32 low)
{
	void __iomem *regs = ioremap(phys, 4096);
	int holds;

	writel(0xffffffff, regs);
	writel(0xffffffff, regs + 4);
	holds = readq(regs) == ~0ull;
	writel(0x800, regs);
	writel(0x80000000, regs + 4);
	holds += readq(regs) == 0x8000000000000800ull;
	writeq(~0ull, regs);
	holds = readl(regs) == ~0u && readl(regs + 4) == ~0u ? holds : 0;
	writeq(0x8000000000000000ull | low, regs);
	return holds + (readq(regs) == (0x8000000000000000ull | low));
}

/* Memory that is freed by the function of another allocator. */
int freed_by(int kind)
{
	switch (kind) {
	case 0: kfree(vmalloc(8192)); return 0;
	case 1: kfree(kvmalloc(64, GFP_KERNEL)); return 0;
	case 2: vfree(kmalloc(64, GFP_KERNEL)); return 0;
	default:
		vfree(vmalloc(8 << 20));
		kvfree(kvmalloc(8 << 20, GFP_KERNEL));
		kvfree(vmalloc(64));
		kvfree(kmalloc(64, GFP_KERNEL));
		return kind;
	}
}

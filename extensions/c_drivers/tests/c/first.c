#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "first.h"

static int count;
static struct thing things[2];

int map_once(struct device *dev, void *data, size_t size)
{
	dma_addr_t dma = dma_map_single(dev, data, size, DMA_TO_DEVICE);

	if (dma_mapping_error(dev, dma)) {
		dev_err(dev, "cannot map %zu bytes: %pad\n", size, &dma);
		return -ENOMEM;
	}
	dma_unmap_single(dev, dma, size, DMA_TO_DEVICE);
	things[count & 1].number = count;
	return ++count;
}

u64 map_and_keep(struct device *dev, void *data, size_t size, enum dma_data_direction dir)
{
	dma_addr_t dma = dma_map_single(dev, data, size, dir);

	return dma_mapping_error(dev, dma) ? 0 : dma;
}

void unmap(struct device *dev, u64 dma, size_t size, enum dma_data_direction dir)
{
	dma_unmap_single(dev, dma, size, dir);
}

void sync_for_cpu(struct device *dev, u64 dma, size_t size, enum dma_data_direction dir)
{
	dma_sync_single_for_cpu(dev, dma, size, dir);
}

void sync_for_device(struct device *dev, u64 dma, size_t size, enum dma_data_direction dir)
{
	dma_sync_single_for_device(dev, dma, size, dir);
}

u32 peek(const u32 *at)
{
	return READ_ONCE(*at);
}

void poke(u32 *at, u32 value)
{
	WRITE_ONCE(*at, value);
}

int use_after_free(void)
{
	int *p = kmalloc(40, GFP_KERNEL);

	kfree(p);
	return p[1];
}

int beyond(int n)
{
	char *p = kzalloc(100, GFP_KERNEL);

	memset(p, 7, n);
	n = p[99];
	kfree(p);
	return n;
}

int leak(void)
{
	return kmalloc(24, GFP_KERNEL) ? 0 : -ENOMEM;
}

int free_twice(void)
{
	void *p = kmalloc(24, GFP_KERNEL);

	kfree(p);
	kfree(p);
	return 0;
}

int follow(int *p)
{
	return *p;
}

int spin(int n)
{
	volatile int i = 0;

	while (n)
		i++;
	return i;
}

int recurse(int n)
{
	return n ? recurse(n) + recurse(n - 1) : 0;
}

/* How deep it goes: n calls more. */
int descend(int n)
{
	return n ? 1 + descend(n - 1) * (n | 1) / (n | 1) : 0;
}

int large_frame(int n)
{
	volatile char bytes[64 * 1024];

	bytes[n] = 1;
	return descend(bytes[n]);
}

static void fill(char *bytes, int left)
{
	while (left--)
		bytes[left] = 1;
}

int smash(int length)
{
	char bytes[16];

	fill(bytes, length);
	return bytes[0];
}

int divide(int n)
{
	return 7 / n;
}

int under_lock(struct device *dev)
{
	static DEFINE_SPINLOCK(lock);
	dma_addr_t dma;
	void *cpu;

	spin_lock(&lock);
	cpu = dma_alloc_coherent(dev, 64, &dma, GFP_KERNEL);
	spin_unlock(&lock);
	if (!cpu)
		return -ENOMEM;
	dma_free_coherent(dev, 64, cpu, dma);
	return 0;
}

u64 shared_word(struct device *dev, u32 value)
{
	static dma_addr_t handle;
	u32 *cpu = dma_alloc_coherent(dev, PAGE_SIZE, &handle, GFP_KERNEL);

	cpu[3] = value;
	return handle;
}

u64 list_of_two(struct device *dev, void *one, void *other)
{
	struct sg_table table;
	struct scatterlist *sg;
	u64 sum = 0;
	int i;

	if (sg_alloc_table(&table, 2, GFP_KERNEL))
		return 0;
	sg_set_buf(&table.sgl[0], one, 4096);
	sg_set_buf(&table.sgl[1], other, 512);
	if (dma_map_sgtable(dev, &table, DMA_TO_DEVICE, 0) == 0) {
		for_each_sgtable_dma_sg(&table, sg, i)
			sum += sg_dma_len(sg);
		dma_unmap_sgtable(dev, &table, DMA_TO_DEVICE, 0);
	}
	sg_free_table(&table);
	return sum;
}

u32 registers(void __iomem *regs)
{
	writel(0x1234, regs + 16);
	return readl(regs + 16) + (u32)sizeof(void *) + (u32)sizeof(unsigned long);
}

u64 long_bits(void)
{
	return BIT(40) | GENMASK(3, 2);
}

static int table[5];

int table_at(int i)
{
	table[i & 1] = 0;
	return table[i];
}

int local_at(int i)
{
	int row[4] = { 1, 2, 3, 4 };

	return row[i & 3] + (i > 3);
}

int unchecked(void)
{
	int *at = kmalloc(64, GFP_KERNEL);

	*at = 1;
	kfree(at);
	return 0;
}

MODULE_LICENSE("GPL");

void give_back(void *p)
{
	kfree(p);
}

/* A kernel has whole pages there. */
int behind_shared(struct device *dev)
{
	dma_addr_t dma;
	int *shared = dma_alloc_coherent(dev, 72, &dma, GFP_KERNEL);

	return shared[20];
}

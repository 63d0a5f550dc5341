// SPDX-License-Identifier: MIT
/* A migration buffer of the tree's drivers/vfio/pci/mlx5/cmd.c, from its pages to the key that a device gets. */
#include "drivers/vfio/pci/mlx5/cmd.c"

#define PAGE_KEY 0x1200

static struct mlx5_core_dev core;
static struct mlx5vf_pci_core_device mvdev = { .mdev = &core };
static struct mlx5_vf_migration_file migf = { .mvdev = &mvdev };
static struct mlx5_vhca_data_buffer *buffer;
static __be64 entries[8];
static unsigned int keys;

/* In place of the device's commands: what the key's page list says is kept for the scenario. */
int mlx5_core_create_mkey(struct mlx5_core_dev *dev, u32 *mkey, u32 *in, int inlen)
{
	memcpy(entries, MLX5_ADDR_OF(create_mkey_in, in, klm_pas_mtt), min_t(int, sizeof(entries), inlen - MLX5_ST_SZ_BYTES(create_mkey_in)));
	*mkey = PAGE_KEY;
	keys++;
	return 0;
}

int mlx5_core_destroy_mkey(struct mlx5_core_dev *dev, u32 mkey)
{
	keys--;
	return 0;
}

int map_it(struct device *dev, unsigned int count)
{
	core.device = dev;
	mutex_init(&migf.lock);
	mutex_init(&mvdev.state_mutex);
	mutex_lock(&mvdev.state_mutex);
	buffer = mlx5vf_alloc_data_buffer(&migf, count, DMA_FROM_DEVICE);
	mutex_unlock(&mvdev.state_mutex);
	return PTR_ERR_OR_ZERO(buffer);
}

unsigned int keys_total(void) { return keys; }
dma_addr_t page_addr(unsigned int number) { return be64_to_cpu(entries[number]) & PAGE_MASK; }

phys_addr_t page_phys(unsigned int number) { return page_to_phys(buffer->page_list[number]); }
void unmap_it(void) { mlx5vf_free_data_buffer(buffer); }

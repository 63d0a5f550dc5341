#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>

/* Maps a row of buffers as one range, each a page; gives how many bytes are linked, or an error. */
static struct dma_iova_state state;

long map_row(struct device *dev, void *first, int pages)
{
	size_t size = pages * PAGE_SIZE, done = 0;
	int error;

	if (!dma_iova_try_alloc(dev, &state, virt_to_phys(first), size))
		return -EOPNOTSUPP;
	for (; done < size; done += PAGE_SIZE) {
		error = dma_iova_link(dev, &state, virt_to_phys(first) + done, done, PAGE_SIZE,
				      DMA_TO_DEVICE, 0);
		if (error)
			goto undo;
	}
	error = dma_iova_sync(dev, &state, 0, size);
	if (error)
		goto undo;
	return (long)dma_iova_size(&state);
undo:
	/* A destroy would free as many addresses as its argument says. */
	if (done)
		dma_iova_unlink(dev, &state, 0, done, DMA_TO_DEVICE, 0);
	dma_iova_free(dev, &state);
	return error;
}

u64 row_address(void)
{
	return state.addr;
}

void unmap_row(struct device *dev)
{
	dma_iova_destroy(dev, &state, dma_iova_size(&state), DMA_TO_DEVICE, 0);
}

/* Links a page with attributes, and writes to it while it is the device's; an error where it cannot. */
long write_linked(struct device *dev, u8 *page, unsigned long attrs)
{
	int error;

	if (!dma_iova_try_alloc(dev, &state, virt_to_phys(page), PAGE_SIZE))
		return -EOPNOTSUPP;
	error = dma_iova_link(dev, &state, virt_to_phys(page), 0, PAGE_SIZE, DMA_FROM_DEVICE, attrs);
	if (!error)
		error = dma_iova_sync(dev, &state, 0, PAGE_SIZE);
	if (error) {
		dma_iova_free(dev, &state);
		return error;
	}
	page[0] = 1;
	dma_iova_destroy(dev, &state, PAGE_SIZE, DMA_FROM_DEVICE, attrs);
	page[0] = 2;
	return 0;
}

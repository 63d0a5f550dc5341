// SPDX-License-Identifier: MIT
/* A packet with page fragments, mapped, cut into pieces and unmapped by the tree's net/core/tso.c. */
#include "net/core/tso.c"

#define HEADER_BYTES 54
#define MOST_PIECES 32

static struct tso_dma_map map;
static struct tso_dma_map_completion_state completion;
static struct sk_buff *packet;
static struct { dma_addr_t addr; unsigned int bytes, mapped_bytes; } pieces[MOST_PIECES];
static unsigned int piece_count, packet_bytes;

/* Fragments of so many bytes, which begin there in their pages; each byte of fragment N is 0x20 + N. */
int make(unsigned int fragments, unsigned int offset, unsigned int bytes)
{
	unsigned int number;

	packet_bytes = fragments * bytes;
	packet = alloc_skb(HEADER_BYTES, GFP_KERNEL);
	if (!packet)
		return -ENOMEM;
	memset(skb_put(packet, HEADER_BYTES), 0x11, HEADER_BYTES);
	for (number = 0; number < fragments; number++) {
		struct page *page = alloc_pages(GFP_KERNEL, 1);

		if (!page) {
			kfree_skb(packet);
			return -ENOMEM;
		}
		memset(page_address(page), 0x20 + number, PAGE_SIZE);
		skb_add_rx_frag(packet, number, page, offset, bytes, PAGE_SIZE);
	}
	return 0;
}

/* Maps the packet, and cuts its data into pieces for segments of that size. */
int map_it(struct device *dev, unsigned int segment_bytes)
{
	unsigned int left, done = 0;
	int error = tso_dma_map_init(&map, dev, packet, HEADER_BYTES);

	if (error)
		return error;
	tso_dma_map_completion_save(&map, &completion);
	for (piece_count = 0; done < packet_bytes && piece_count < MOST_PIECES; piece_count++) {
		left = min(segment_bytes - done % segment_bytes, packet_bytes - done);
		if (!tso_dma_map_next(&map, &pieces[piece_count].addr, &pieces[piece_count].bytes,
				      &pieces[piece_count].mapped_bytes, left))
			break;
		done += pieces[piece_count].bytes;
	}
	return 0;
}

bool is_one_range(void) { return dma_use_iova(&completion.iova_state); }
unsigned int piece_total(void) { return piece_count; }
dma_addr_t piece_addr(unsigned int number) { return pieces[number].addr; }
unsigned int piece_bytes(unsigned int number) { return pieces[number].bytes; }

/* As a driver does at completion: without a range, each mapping is unmapped by itself. */
void unmap_it(struct device *dev)
{
	unsigned int number;

	if (tso_dma_map_complete(dev, &completion))
		return;
	for (number = 0; number < piece_count; number++) {
		if (pieces[number].mapped_bytes)
			dma_unmap_phys(dev, pieces[number].addr, pieces[number].mapped_bytes, DMA_TO_DEVICE, 0);
	}
}

void free_it(void) { kfree_skb(packet); }

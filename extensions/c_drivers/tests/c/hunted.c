/* Maps the pieces of a request, one by one or as one range of IOVAs, in two ways: one of them
 * forgets something in its error path. */
#include <linux/blk-mq.h>
#include <linux/dma-mapping.h>

#define MOST 8

static struct {
	dma_addr_t dma;
	u32 len;
} pieces[MOST];
static unsigned int count;

static void unmap_from(struct device *dev, unsigned int first, enum dma_data_direction dir)
{
	while (count > first) {
		count--;
		dma_unmap_page(dev, pieces[count].dma, pieces[count].len, dir);
	}
}

static int map_pieces(struct device *dev, struct request *rq, unsigned int kept)
{
	enum dma_data_direction dir = rq_dma_dir(rq);
	struct req_iterator iter;
	struct bio_vec bv;

	count = 0;
	rq_for_each_bvec(bv, rq, iter) {
		dma_addr_t dma;

		if (count == MOST) {
			unmap_from(dev, 0, dir);
			return -E2BIG;
		}
		dma = dma_map_bvec(dev, &bv, dir, 0);
		if (dma_mapping_error(dev, dma)) {
			unmap_from(dev, kept, dir);
			return -ENOMEM;
		}
		pieces[count].dma = dma;
		pieces[count].len = bv.bv_len;
		count++;
	}
	return count;
}

int map_right(struct device *dev, struct request *rq)
{
	return map_pieces(dev, rq, 0);
}

/* The error path forgets the first. */
int map_wrong(struct device *dev, struct request *rq)
{
	return map_pieces(dev, rq, 1);
}

/* The error path goes by a piece that there is none of. */
int map_crashing(struct device *dev, struct request *rq)
{
	static u32 *volatile last;
	int mapped = map_pieces(dev, rq, 0);

	last = mapped < 0 ? NULL : &pieces[mapped - 1].len;
	return *last == 0 ? 0 : mapped;
}

u64 piece_address(int index)
{
	return pieces[index].dma;
}

u32 piece_length(int index)
{
	return pieces[index].len;
}

void unmap_all(struct device *dev, int dir)
{
	unmap_from(dev, 0, dir);
}

// SPDX-License-Identifier: MIT
/* Pages of an RDMA write, mapped into work requests and unmapped by the tree's drivers/infiniband/core/rw.c. */
#include "drivers/infiniband/core/rw.c"

/* Of bench.c. */
#define MOST_PAGES 8
extern struct page *bench_pages[MOST_PAGES];
extern dma_addr_t bench_addrs[MOST_PAGES];
extern unsigned int bench_count;
int take_bench_pages(unsigned int count);
void free_bench_pages(void);

#define PORT 1
#define REMOTE_ADDR 0x100000
#define REMOTE_KEY 0x77
#define LOCAL_KEY 0x55

static struct ib_device device;
static struct ib_port_data ports[2];
static struct ib_pd pd = { .device = &device, .local_dma_lkey = LOCAL_KEY };
static struct ib_qp qp = { .device = &device, .pd = &pd, .max_write_sge = 2, .max_read_sge = 2 };
static struct rdma_rw_ctx ctx;
static struct bio_vec vecs[MOST_PAGES];
static int wr_count;

/* The addresses of pages, out of the work requests that a driver would post. */
static void note_addrs(void)
{
	struct ib_cqe cqe = {};
	struct ib_send_wr *wr = rdma_rw_ctx_wrs(&ctx, &qp, PORT, &cqe, NULL);
	unsigned int number = 0, at;

	for (; wr; wr = wr->next) {
		int sge;

		for (sge = 0; sge < wr->num_sge; sge++) {
			for (at = 0; at < wr->sg_list[sge].length; at += PAGE_SIZE)
				bench_addrs[number++] = wr->sg_list[sge].addr + at;
		}
	}
}

int map_it(struct device *dev, unsigned int count)
{
	struct bvec_iter iter = { .bi_size = count * PAGE_SIZE };
	unsigned int number;
	int error = take_bench_pages(count);

	if (error)
		return error;
	device.dma_device = dev;
	device.port_data = ports;
	ports[PORT].immutable.core_cap_flags = RDMA_CORE_CAP_PROT_IB;
	for (number = 0; number < count; number++)
		bvec_set_page(&vecs[number], bench_pages[number], PAGE_SIZE, 0);
	wr_count = rdma_rw_ctx_init_bvec(&ctx, &qp, PORT, vecs, count, iter, REMOTE_ADDR, REMOTE_KEY, DMA_TO_DEVICE);
	if (wr_count < 0) {
		free_bench_pages();
		return wr_count;
	}
	note_addrs();
	return 0;
}

int work_requests(void) { return wr_count; }

void unmap_it(void)
{
	rdma_rw_ctx_destroy_bvec(&ctx, &qp, PORT, vecs, bench_count, DMA_TO_DEVICE);
	free_bench_pages();
}

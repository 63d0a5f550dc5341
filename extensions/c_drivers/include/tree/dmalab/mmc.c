/* The MMC core for one host, whose card is set up: it sends the requests of the block driver, one at a time. */
#include <linux/completion.h>
#include <linux/mmc/host.h>
#include <linux/mmc/mmc.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <dmalab/lab.h>

#define BLOCK 512
#define MOST_PIECES 128

static struct mmc_host *registered;

struct mmc_host *mmc_alloc_host(int extra, struct device *dev)
{
	struct mmc_host *host = kzalloc(sizeof(*host) + extra, GFP_KERNEL);

	if (!host)
		return NULL;
	host->parent = dev;
	host->class_dev.parent = dev;
	host->class_dev.init_name = "mmc0";
	host->max_segs = 1;
	host->max_seg_size = PAGE_SIZE;
	host->max_req_size = PAGE_SIZE;
	host->max_blk_size = BLOCK;
	host->max_blk_count = PAGE_SIZE / BLOCK;
	return host;
}
EXPORT_SYMBOL(mmc_alloc_host);

static void frees(void *host)
{
	kfree(host);
}

void mmc_free_host(struct mmc_host *host)
{
	frees(host);
}
EXPORT_SYMBOL(mmc_free_host);

struct mmc_host *devm_mmc_alloc_host(struct device *dev, int extra)
{
	struct mmc_host *host = mmc_alloc_host(extra, dev);

	return !host || devm_add_action_or_reset(dev, frees, host) ? NULL : host;
}
EXPORT_SYMBOL(devm_mmc_alloc_host);

static void set_power(struct mmc_host *host, unsigned char mode)
{
	host->ios.power_mode = mode;
	host->ops->set_ios(host, &host->ios);
}

int mmc_add_host(struct mmc_host *host)
{
	if (registered)
		return -EBUSY;
	registered = host;
	host->ios.vdd = host->ocr_avail ? fls(host->ocr_avail) - 1 : 0;
	host->ios.clock = host->f_max;
	set_power(host, MMC_POWER_UP);
	set_power(host, MMC_POWER_ON);
	return 0;
}
EXPORT_SYMBOL(mmc_add_host);

void mmc_remove_host(struct mmc_host *host)
{
	host->ios.clock = 0;
	set_power(host, MMC_POWER_OFF);
	registered = NULL;
}
EXPORT_SYMBOL(mmc_remove_host);

void mmc_detect_change(struct mmc_host *host, unsigned long delay)
{
}
EXPORT_SYMBOL(mmc_detect_change);

void mmc_request_done(struct mmc_host *host, struct mmc_request *mrq)
{
	complete(&mrq->completion);
}
EXPORT_SYMBOL(mmc_request_done);

/* A request of the bytes at a physical address, in as long pieces as the host takes. 0, or an error. */
LAB_FOR_SCENARIOS int mmc_transfer(bool writes, unsigned int block, phys_addr_t phys, unsigned int bytes)
{
	struct mmc_host *host = registered;
	static struct scatterlist pieces[MOST_PIECES];
	struct mmc_command cmd = {}, stop = {};
	struct mmc_data data = {};
	struct mmc_request mrq = { .cmd = &cmd, .data = &data, .host = host };
	unsigned int at, length;

	if (!host)
		return -ENODEV;
	data.blksz = BLOCK;
	data.blocks = bytes / BLOCK;
	data.sg = pieces;
	data.sg_len = DIV_ROUND_UP(bytes, host->max_seg_size);
	if (data.sg_len > min_t(unsigned int, host->max_segs, MOST_PIECES) ||
	    bytes > host->max_req_size || data.blocks > host->max_blk_count)
		return -EINVAL;
	sg_init_table(pieces, data.sg_len);
	for (at = 0; at < data.sg_len; at++, phys += length, bytes -= length) {
		length = min(bytes, host->max_seg_size);
		sg_set_page(pieces + at, pfn_to_page(phys >> PAGE_SHIFT), length, phys & ~PAGE_MASK);
	}
	data.flags = writes ? MMC_DATA_WRITE : MMC_DATA_READ;
	data.timeout_ns = 80 * NSEC_PER_MSEC;
	cmd.opcode = writes ? MMC_WRITE_BLOCK : MMC_READ_SINGLE_BLOCK;
	if (data.blocks > 1)
		cmd.opcode = writes ? MMC_WRITE_MULTIPLE_BLOCK : MMC_READ_MULTIPLE_BLOCK;
	cmd.arg = block;
	cmd.flags = MMC_RSP_R1 | MMC_CMD_ADTC;
	stop.opcode = MMC_STOP_TRANSMISSION;
	stop.flags = (writes ? MMC_RSP_R1B : MMC_RSP_R1) | MMC_CMD_AC;
	cmd.data = &data;
	cmd.mrq = stop.mrq = data.mrq = &mrq;
	if (data.blocks > 1)
		mrq.stop = data.stop = &stop;
	init_completion(&mrq.completion);
	if (host->ops->pre_req)
		host->ops->pre_req(host, &mrq);
	host->ops->request(host, &mrq);
	wait_for_completion(&mrq.completion);
	if (host->ops->post_req)
		host->ops->post_req(host, &mrq, 0);
	return cmd.error ? cmd.error : data.error ? data.error : stop.error;
}

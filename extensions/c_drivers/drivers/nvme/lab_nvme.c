/* An NVMe driver: an admin queue, one queue for reads and writes, PRP lists and SGLs, completions by
 * interrupt or by polling. Written for dmalab from the NVM Express Base Specification 1.4; the
 * controller is dmalab's, behind its registers. */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/version.h>

#include "lab_nvme.h"

#define ADMIN_DEPTH 8
#define IO_DEPTH 16
/* Pieces of a buffer, and what they come to at most. */
#define MOST_PIECES NVME_SGLS
#define MOST_BYTES (8 * 1024 * 1024)
/* Short lists take no page each. */
#define SHORT_LIST 256
#define SHORT_PRPS (SHORT_LIST / 8)
#define SHORT_SGLS (SHORT_LIST / 16)
#define MOST_LISTS 5
/* Longer pieces than this on average are worth an SGL. */
#define SGL_THRESHOLD (32 * 1024)
#define TIMEOUT_MS 2000

/* The two-step API came with 7.2. */
#define HAS_TWO_STEP (LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0))

struct nvme_piece {
	phys_addr_t phys;
	u32 len;
};

struct nvme_range {
	dma_addr_t addr;
	u32 len;
};

/* A piece of a list that the command leads to. */
struct nvme_list {
	void *cpu;
	dma_addr_t dma;
};

/* A command that is under way. Its tag is its place in the queue's table. */
struct nvme_io {
	struct completion done;
	bool busy;
	bool has_data;
	bool is_short;
	u8 nr_lists;
	u16 status;
	u32 result;
	enum dma_data_direction dir;
	/* One IOVA range for all of it, or the ranges of the segments. */
#if HAS_TWO_STEP
	struct dma_iova_state iova;
#endif
	u32 len;
	struct nvme_range one;
	struct nvme_range *ranges;
	u32 nr_ranges;
	struct nvme_list lists[MOST_LISTS];
};

struct nvme_queue {
	struct nvme_dev *nvme;
	spinlock_t lock;
	struct nvme_command *commands;
	dma_addr_t commands_dma;
	struct nvme_completion *completions;
	dma_addr_t completions_dma;
	void __iomem *doorbell;
	struct nvme_io *ios;
	u16 id;
	u16 depth;
	u16 tail;
	u16 head;
	u16 phase;
	bool has_irq;
};

struct nvme_dev {
	struct pci_dev *pdev;
	struct device *dev;
	void __iomem *regs;
	u64 cap;
	struct dma_pool *short_lists;
	struct dma_pool *page_lists;
	u32 most_bytes;
	bool has_sgl;
	u32 block_shift;
	u64 blocks;
	struct nvme_queue admin;
	struct nvme_queue io;
	/* The buffer that the next read or write is of. */
	struct nvme_piece pieces[MOST_PIECES];
	u32 nr_pieces;
};

static struct nvme_dev *the_nvme;
/* What a module's parameters are: set before the driver is bound. */
static bool polls;
static u32 sgl_threshold = SGL_THRESHOLD;

void set_polling(bool on)
{
	polls = on;
}

void set_sgl_threshold(u32 bytes)
{
	sgl_threshold = bytes;
}

/* ---- Ending what was mapped ------------------------------------------------------------------ */

static void unmap_ranges(struct nvme_dev *nvme, struct nvme_io *io, u32 count)
{
	u32 index;

	for (index = 0; index < count; index++)
		dma_unmap_page(nvme->dev, io->ranges[index].addr, io->ranges[index].len, io->dir);
	if (io->ranges != &io->one)
		kfree(io->ranges);
	io->ranges = NULL;
}

static struct dma_pool *pool_of(struct nvme_dev *nvme, struct nvme_io *io)
{
	return io->is_short ? nvme->short_lists : nvme->page_lists;
}

static void free_lists(struct nvme_dev *nvme, struct nvme_io *io)
{
	while (io->nr_lists) {
		struct nvme_list *list = &io->lists[--io->nr_lists];

		dma_pool_free(pool_of(nvme, io), list->cpu, list->dma);
	}
}

static void unmap_data(struct nvme_dev *nvme, struct nvme_io *io)
{
	if (!io->has_data)
		return;
	io->has_data = false;
	free_lists(nvme, io);
#if HAS_TWO_STEP
	if (dma_use_iova(&io->iova)) {
		dma_iova_destroy(nvme->dev, &io->iova, io->len, io->dir, 0);
		memset(&io->iova, 0, sizeof(io->iova));
		return;
	}
#endif
	unmap_ranges(nvme, io, io->nr_ranges);
}

/* ---- Mapping a buffer ------------------------------------------------------------------------- */

static dma_addr_t map_piece(struct nvme_dev *nvme, const struct nvme_piece *piece,
			    enum dma_data_direction dir)
{
	return dma_map_page(nvme->dev, phys_to_page(piece->phys), offset_in_page(piece->phys),
			    piece->len, dir);
}

/* Bits of the places inside a buffer at which one piece ends and the next begins. */
static unsigned long gaps_of(const struct nvme_piece *pieces, u32 count)
{
	unsigned long gaps = 0;
	u32 index;

	for (index = 1; index < count; index++)
		gaps |= (pieces[index - 1].phys + pieces[index - 1].len) | pieces[index].phys;
	return gaps;
}

#if HAS_TWO_STEP
/* Maps all segments into one IOVA range. Returns 0, 1 where there is none, or an error. */
static int map_as_one(struct nvme_dev *nvme, struct nvme_io *io, unsigned long gaps)
{
	const struct nvme_piece *pieces = nvme->pieces;
	size_t mapped = 0;
	int error = 0;
	u32 index;

	if (gaps & dma_get_merge_boundary(nvme->dev))
		return 1;
	if (!dma_iova_try_alloc(nvme->dev, &io->iova, pieces[0].phys, io->len))
		return 1;
	for (index = 0; index < nvme->nr_pieces && !error; index++) {
		error = dma_iova_link(nvme->dev, &io->iova, pieces[index].phys, mapped,
				      pieces[index].len, io->dir, 0);
		if (!error)
			mapped += pieces[index].len;
	}
	if (!error)
		error = dma_iova_sync(nvme->dev, &io->iova, 0, mapped);
	if (error) {
		if (mapped)
			dma_iova_unlink(nvme->dev, &io->iova, 0, mapped, io->dir, 0);
		dma_iova_free(nvme->dev, &io->iova);
		memset(&io->iova, 0, sizeof(io->iova));
		return error;
	}
	io->one.addr = io->iova.addr;
	io->one.len = io->len;
	io->ranges = &io->one;
	io->nr_ranges = 1;
	return 0;
}
#else
static int map_as_one(struct nvme_dev *nvme, struct nvme_io *io, unsigned long gaps)
{
	return 1;
}
#endif

/* Each piece by itself. */
static int map_pieces(struct nvme_dev *nvme, struct nvme_io *io)
{
	u32 index;

	io->ranges = &io->one;
	if (nvme->nr_pieces > 1)
		io->ranges = kcalloc(nvme->nr_pieces, sizeof(*io->ranges), GFP_ATOMIC);
	if (!io->ranges)
		return -ENOMEM;
	for (index = 0; index < nvme->nr_pieces; index++) {
		dma_addr_t addr = map_piece(nvme, &nvme->pieces[index], io->dir);

		if (dma_mapping_error(nvme->dev, addr)) {
			unmap_ranges(nvme, io, index);
			return -ENOMEM;
		}
		io->ranges[index].addr = addr;
		io->ranges[index].len = nvme->pieces[index].len;
	}
	io->nr_ranges = nvme->nr_pieces;
	return 0;
}

/* ---- Describing it ---------------------------------------------------------------------------- */

/* One more piece of the command's list; the first says whether it is a short one. */
static struct nvme_list *add_list(struct nvme_dev *nvme, struct nvme_io *io)
{
	struct nvme_list *list = &io->lists[io->nr_lists];

	if (io->nr_lists == MOST_LISTS)
		return NULL;
	list->cpu = dma_pool_alloc(pool_of(nvme, io), GFP_ATOMIC, &list->dma);
	if (!list->cpu)
		return NULL;
	io->nr_lists++;
	return list;
}

/* Where the next PRP entry leads. */
struct prp_walk {
	const struct nvme_range *range;
	u32 done;
};

static dma_addr_t walk_by(struct prp_walk *walk, u32 bytes)
{
	walk->done += bytes;
	while (walk->done >= walk->range->len) {
		walk->done -= walk->range->len;
		walk->range++;
	}
	return walk->range->addr + walk->done;
}

/* PRP1 leads to the first page, from any byte on; PRP2 to the second, or to a list of all others. */
static int put_prps(struct nvme_dev *nvme, struct nvme_io *io, struct nvme_command *command)
{
	struct prp_walk walk = { io->ranges, 0 };
	u32 first = NVME_PAGE - (u32)(io->ranges[0].addr & (NVME_PAGE - 1));
	struct nvme_list *list;
	u32 left, at = 0;
	dma_addr_t addr;
	__le64 *prps;

	command->prp1 = cpu_to_le64(io->ranges[0].addr);
	command->prp2 = 0;
	if (io->len <= first)
		return 0;
	left = io->len - first;
	addr = walk_by(&walk, first);
	if (left <= NVME_PAGE) {
		command->prp2 = cpu_to_le64(addr);
		return 0;
	}
	io->is_short = DIV_ROUND_UP(left, NVME_PAGE) <= SHORT_PRPS;
	list = add_list(nvme, io);
	if (!list)
		return -ENOMEM;
	command->prp2 = cpu_to_le64(list->dma);
	prps = list->cpu;
	for (;;) {
		if (at == NVME_PRPS) {
			__le64 last = prps[NVME_PRPS - 1];

			list = add_list(nvme, io);
			if (!list)
				return -ENOMEM;
			prps[NVME_PRPS - 1] = cpu_to_le64(list->dma);
			prps = list->cpu;
			prps[0] = last;
			at = 1;
		}
		prps[at++] = cpu_to_le64(addr);
		if (left <= NVME_PAGE)
			return 0;
		left -= NVME_PAGE;
		addr = walk_by(&walk, NVME_PAGE);
	}
}

static void put_sgl(struct nvme_sgl *sgl, dma_addr_t addr, u32 length, u8 type)
{
	sgl->addr = cpu_to_le64(addr);
	sgl->length = cpu_to_le32(length);
	memset(sgl->reserved, 0, sizeof(sgl->reserved));
	sgl->type = type;
}

/* One descriptor in the command, or one that leads to a list of them. */
static int put_sgls(struct nvme_dev *nvme, struct nvme_io *io, struct nvme_command *command)
{
	struct nvme_list *list;
	struct nvme_sgl *sgls;
	u32 index;

	command->flags = NVME_CMD_SGL;
	if (io->nr_ranges == 1) {
		put_sgl(&command->sgl, io->ranges[0].addr, io->len, NVME_SGL_DATA);
		return 0;
	}
	io->is_short = io->nr_ranges <= SHORT_SGLS;
	list = add_list(nvme, io);
	if (!list)
		return -ENOMEM;
	sgls = list->cpu;
	for (index = 0; index < io->nr_ranges; index++)
		put_sgl(&sgls[index], io->ranges[index].addr, io->ranges[index].len, NVME_SGL_DATA);
	put_sgl(&command->sgl, list->dma, io->nr_ranges * (u32)sizeof(*sgls), NVME_SGL_LAST_SEGMENT);
	return 0;
}

/* Maps the buffer given segment by segment, and writes its address into the command. */
static int map_data(struct nvme_dev *nvme, struct nvme_io *io, struct nvme_command *command)
{
	unsigned long gaps = gaps_of(nvme->pieces, nvme->nr_pieces);
	bool is_alone = nvme->nr_pieces == 1;
	u32 span = io->len + (u32)(nvme->pieces[0].phys & (NVME_PAGE - 1));
	bool by_sgl;
	int error;

	if ((gaps & (NVME_PAGE - 1)) && !nvme->has_sgl)
		return -EINVAL;
	/* What two entries or one descriptor describe is mapped by one call. */
	error = 1;
	if (!is_alone || (!nvme->has_sgl && span > 2 * NVME_PAGE))
		error = map_as_one(nvme, io, gaps);
	if (error == 1)
		error = map_pieces(nvme, io);
	if (error)
		return error;
	io->has_data = true;
	if (is_alone)
		by_sgl = span > 2 * NVME_PAGE;
	else
		by_sgl = (gaps & (NVME_PAGE - 1)) ||
			 (sgl_threshold && DIV_ROUND_UP(io->len, io->nr_ranges) >= sgl_threshold);
	if (nvme->has_sgl && by_sgl)
		error = put_sgls(nvme, io, command);
	else
		error = put_prps(nvme, io, command);
	if (error)
		unmap_data(nvme, io);
	return error;
}

/* ---- Queues ----------------------------------------------------------------------------------- */

/* A free tag, with its command; one place of the ring stays empty. */
static struct nvme_io *take_io(struct nvme_queue *queue)
{
	struct nvme_io *found = NULL;
	unsigned long flags;
	u32 tag;

	spin_lock_irqsave(&queue->lock, flags);
	for (tag = 0; tag < queue->depth - 1U && !found; tag++)
		if (!queue->ios[tag].busy)
			found = &queue->ios[tag];
	if (found)
		found->busy = true;
	spin_unlock_irqrestore(&queue->lock, flags);
	if (found) {
		init_completion(&found->done);
		found->status = 0;
		found->has_data = false;
		found->nr_lists = 0;
	}
	return found;
}

/* Writes the command into the ring, and rings the doorbell. */
static void send(struct nvme_queue *queue, struct nvme_io *io, struct nvme_command *command)
{
	unsigned long flags;

	command->id = cpu_to_le16((u16)(io - queue->ios));
	spin_lock_irqsave(&queue->lock, flags);
	queue->commands[queue->tail] = *command;
	if (++queue->tail == queue->depth)
		queue->tail = 0;
	dma_wmb();
	writel(queue->tail, queue->doorbell);
	spin_unlock_irqrestore(&queue->lock, flags);
}

static void __iomem *completion_doorbell(struct nvme_queue *queue)
{
	return (u8 __iomem *)queue->doorbell + (4UL << NVME_CAP_DSTRD(queue->nvme->cap));
}

/* Takes what the controller has completed. Gives how many that were. */
static int take_completions(struct nvme_queue *queue)
{
	int taken = 0;

	for (;;) {
		struct nvme_completion *entry = &queue->completions[queue->head];
		u16 status = le16_to_cpu(READ_ONCE(entry->status));
		u16 tag;

		if ((status & 1) != queue->phase)
			break;
		dma_rmb();
		tag = le16_to_cpu(entry->id);
		if (tag < queue->depth && queue->ios[tag].busy) {
			struct nvme_io *io = &queue->ios[tag];

			io->status = status >> 1;
			io->result = le32_to_cpu(entry->result);
			unmap_data(queue->nvme, io);
			complete(&io->done);
		} else {
			dev_warn(queue->nvme->dev, "completes command %u, which is none\n", tag);
		}
		if (++queue->head == queue->depth) {
			queue->head = 0;
			queue->phase ^= 1;
		}
		taken++;
	}
	if (taken)
		writel(queue->head, completion_doorbell(queue));
	return taken;
}

static int poll_queue(struct nvme_queue *queue)
{
	unsigned long flags;
	int taken;

	spin_lock_irqsave(&queue->lock, flags);
	taken = take_completions(queue);
	spin_unlock_irqrestore(&queue->lock, flags);
	return taken;
}

static irqreturn_t nvme_irq(int irq, void *data)
{
	struct nvme_queue *queue = data;
	int taken;

	spin_lock(&queue->lock);
	taken = take_completions(queue);
	spin_unlock(&queue->lock);
	return IRQ_RETVAL(taken);
}

static void free_queue(struct nvme_queue *queue)
{
	struct device *dev = queue->nvme->dev;

	if (queue->completions)
		dma_free_coherent(dev, queue->depth * sizeof(*queue->completions),
				  queue->completions, queue->completions_dma);
	if (queue->commands)
		dma_free_coherent(dev, queue->depth * sizeof(*queue->commands), queue->commands,
				  queue->commands_dma);
	kfree(queue->ios);
	memset(queue, 0, sizeof(*queue));
}

static int alloc_queue(struct nvme_dev *nvme, struct nvme_queue *queue, u16 id, u16 depth)
{
	struct device *dev = nvme->dev;

	queue->nvme = nvme;
	queue->id = id;
	queue->depth = depth;
	queue->phase = 1;
	queue->doorbell = (u8 __iomem *)nvme->regs + NVME_REG_DOORBELLS +
			  2UL * id * (4UL << NVME_CAP_DSTRD(nvme->cap));
	spin_lock_init(&queue->lock);
	queue->ios = kcalloc(depth, sizeof(*queue->ios), GFP_KERNEL);
	if (!queue->ios)
		return -ENOMEM;
	queue->commands = dma_alloc_coherent(dev, depth * sizeof(*queue->commands),
					     &queue->commands_dma, GFP_KERNEL);
	if (!queue->commands)
		return -ENOMEM;
	queue->completions = dma_alloc_coherent(dev, depth * sizeof(*queue->completions),
						&queue->completions_dma, GFP_KERNEL);
	return queue->completions ? 0 : -ENOMEM;
}

static int create_pools(struct nvme_dev *nvme)
{
	nvme->short_lists = dma_pool_create("short lists", nvme->dev, SHORT_LIST, SHORT_LIST, 0);
	nvme->page_lists = dma_pool_create("page lists", nvme->dev, NVME_PAGE, NVME_PAGE, 0);
	return nvme->short_lists && nvme->page_lists ? 0 : -ENOMEM;
}

static void destroy_pools(struct nvme_dev *nvme)
{
	dma_pool_destroy(nvme->page_lists);
	dma_pool_destroy(nvme->short_lists);
}

static int request_queue_irq(struct nvme_queue *queue)
{
	struct pci_dev *pdev = queue->nvme->pdev;
	int error = request_irq(pci_irq_vector(pdev, queue->id), nvme_irq, 0, "lab_nvme", queue);

	queue->has_irq = !error;
	return error;
}

static void free_queue_irq(struct nvme_queue *queue)
{
	if (queue->has_irq)
		free_irq(pci_irq_vector(queue->nvme->pdev, queue->id), queue);
	queue->has_irq = false;
}

/* ---- Waiting ---------------------------------------------------------------------------------- */

static bool waits_in_vain(struct nvme_queue *queue, struct nvme_io *io)
{
	u64 end = jiffies + msecs_to_jiffies(TIMEOUT_MS);

	if (queue->has_irq && wait_for_completion_timeout(&io->done, msecs_to_jiffies(TIMEOUT_MS)))
		return false;
	/* Polled, or an interrupt that has not come. */
	for (;;) {
		poll_queue(queue);
		if (completion_done(&io->done))
			return false;
		if (queue->has_irq || time_after(jiffies, end))
			return true;
		cpu_relax();
	}
}

/* What the caller sees of a status: nothing of the codes, but which are worth another try. */
static int error_of(u16 status)
{
	return status == 0 ? 0 : -EIO;
}

/* Sends an admin command and waits for its end. */
static int run_admin(struct nvme_dev *nvme, struct nvme_command *command, u32 *result)
{
	struct nvme_io *io = take_io(&nvme->admin);
	int error;

	if (!io)
		return -EBUSY;
	send(&nvme->admin, io, command);
	if (waits_in_vain(&nvme->admin, io))
		return -ETIMEDOUT; /* the tag is lost until the controller is reset */
	error = error_of(io->status);
	if (result)
		*result = io->result;
	io->busy = false;
	return error;
}

/* ---- Bringing it up --------------------------------------------------------------------------- */

static int wait_ready(struct nvme_dev *nvme, u32 wanted)
{
	u32 status;
	int error = readl_poll_timeout(nvme->regs + NVME_REG_CSTS, status,
				       (status & NVME_CSTS_READY) == wanted ||
					       (status & NVME_CSTS_FATAL),
				       1000, (NVME_CAP_TO(nvme->cap) + 1) * 500000UL);

	if (error || (status & NVME_CSTS_READY) != wanted)
		return -ENODEV;
	return 0;
}

static int disable_controller(struct nvme_dev *nvme)
{
	u32 settings = readl(nvme->regs + NVME_REG_CC);

	writel(settings & ~(u32)NVME_CC_ENABLE, nvme->regs + NVME_REG_CC);
	return wait_ready(nvme, 0);
}

static int enable_controller(struct nvme_dev *nvme)
{
	struct nvme_queue *admin = &nvme->admin;

	writel((ADMIN_DEPTH - 1) << 16 | (ADMIN_DEPTH - 1), nvme->regs + NVME_REG_AQA);
	writeq(admin->commands_dma, nvme->regs + NVME_REG_ASQ);
	writeq(admin->completions_dma, nvme->regs + NVME_REG_ACQ);
	writel(NVME_CC_SETTINGS, nvme->regs + NVME_REG_CC);
	writel(NVME_CC_SETTINGS | NVME_CC_ENABLE, nvme->regs + NVME_REG_CC);
	return wait_ready(nvme, NVME_CSTS_READY);
}

/* Reads a page of Identify into memory that is mapped for it. */
static int identify(struct nvme_dev *nvme, u32 nsid, u32 what, void *page)
{
	struct nvme_command command = { .opcode = NVME_ADMIN_IDENTIFY };
	dma_addr_t dma = dma_map_single(nvme->dev, page, NVME_PAGE, DMA_FROM_DEVICE);
	int error;

	if (dma_mapping_error(nvme->dev, dma))
		return -ENOMEM;
	command.nsid = cpu_to_le32(nsid);
	command.prp1 = cpu_to_le64(dma);
	command.cdw10 = cpu_to_le32(what);
	error = run_admin(nvme, &command, NULL);
	/* A command without an answer may still be carried out: first the controller stops. */
	if (error == -ETIMEDOUT)
		disable_controller(nvme);
	dma_unmap_single(nvme->dev, dma, NVME_PAGE, DMA_FROM_DEVICE);
	return error;
}

static int learn(struct nvme_dev *nvme)
{
	u8 *page = kmalloc(NVME_PAGE, GFP_KERNEL);
	int error;

	if (!page)
		return -ENOMEM;
	error = identify(nvme, 0, NVME_CNS_CONTROLLER, page);
	if (!error) {
		u8 mdts = page[NVME_ID_MDTS];

		nvme->most_bytes = MOST_BYTES;
		if (mdts && mdts < 11)
			nvme->most_bytes = (u32)NVME_PAGE << (mdts + NVME_CAP_MPSMIN(nvme->cap));
		nvme->has_sgl = le32_to_cpup(page + NVME_ID_SGLS) & 3;
		error = identify(nvme, 1, NVME_CNS_NAMESPACE, page);
	}
	if (!error) {
		u32 format = NVME_ID_FORMATS + 4 * (page[NVME_ID_FLBAS] & 0xf);

		nvme->blocks = le64_to_cpup(page + NVME_ID_NSZE);
		nvme->block_shift = page[format + 2];
		if (!nvme->blocks)
			error = -ENODEV;
	}
	kfree(page);
	return error;
}

static int change_queue(struct nvme_dev *nvme, u8 opcode, dma_addr_t base, u32 cdw11)
{
	struct nvme_command command = { .opcode = opcode };
	struct nvme_queue *queue = &nvme->io;

	command.prp1 = cpu_to_le64(base);
	command.cdw10 = cpu_to_le32(base ? (queue->depth - 1U) << 16 | queue->id : queue->id);
	command.cdw11 = cpu_to_le32(cdw11);
	return run_admin(nvme, &command, NULL);
}

static int create_io_queue(struct nvme_dev *nvme)
{
	struct nvme_command command = { .opcode = NVME_ADMIN_SET_FEATURES };
	struct nvme_queue *queue = &nvme->io;
	u32 vector = polls ? 0 : (u32)queue->id << 16 | NVME_QUEUE_INTERRUPTS;
	u32 granted;
	int error;

	command.cdw10 = cpu_to_le32(NVME_FEATURE_QUEUES);
	error = run_admin(nvme, &command, &granted);
	if (error)
		return error;
	error = change_queue(nvme, NVME_ADMIN_CREATE_CQ, queue->completions_dma,
			     vector | NVME_QUEUE_CONTIGUOUS);
	if (error)
		return error;
	error = change_queue(nvme, NVME_ADMIN_CREATE_SQ, queue->commands_dma,
			     (u32)queue->id << 16 | NVME_QUEUE_CONTIGUOUS);
	if (error)
		change_queue(nvme, NVME_ADMIN_DELETE_CQ, 0, 0);
	return error;
}

/* The rings are empty, and every command that was under way has ended. */
static void reset_queue(struct nvme_queue *queue)
{
	u32 tag;

	for (tag = 0; tag < queue->depth; tag++) {
		struct nvme_io *io = &queue->ios[tag];

		if (!io->busy)
			continue;
		unmap_data(queue->nvme, io);
		if (!completion_done(&io->done)) {
			io->status = 0xffff;
			complete(&io->done);
		}
	}
	queue->tail = 0;
	queue->head = 0;
	queue->phase = 1;
	memset(queue->completions, 0, queue->depth * sizeof(*queue->completions));
}

static int start(struct nvme_dev *nvme)
{
	int error = disable_controller(nvme);

	if (!error)
		error = enable_controller(nvme);
	if (!error)
		error = learn(nvme);
	if (!error)
		error = create_io_queue(nvme);
	return error;
}

static int alloc_irqs(struct nvme_dev *nvme)
{
	unsigned int wanted = polls ? 1 : 2;
	int vectors = pci_alloc_irq_vectors(nvme->pdev, wanted, wanted, PCI_IRQ_MSIX);
	int error;

	if (vectors < 0)
		return vectors;
	error = request_queue_irq(&nvme->admin);
	if (!error && !polls)
		error = request_queue_irq(&nvme->io);
	return error;
}

static void free_irqs(struct nvme_dev *nvme)
{
	free_queue_irq(&nvme->io);
	free_queue_irq(&nvme->admin);
	pci_free_irq_vectors(nvme->pdev);
}

static int nvme_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct nvme_dev *nvme = kzalloc(sizeof(*nvme), GFP_KERNEL);
	u16 depth;
	int error;

	if (!nvme)
		return -ENOMEM;
	nvme->pdev = pdev;
	nvme->dev = &pdev->dev;
	error = pci_enable_device_mem(pdev);
	if (error)
		goto free;
	pci_set_master(pdev);
	error = pci_request_mem_regions(pdev, "lab_nvme");
	if (error)
		goto disable;
	error = dma_set_mask_and_coherent(nvme->dev, DMA_BIT_MASK(64));
	if (error)
		goto release;
	/* A segment is as long as its descriptor can say; in a bounce buffer it keeps its place in the page. */
	dma_set_max_seg_size(nvme->dev, UINT_MAX);
	dma_set_min_align_mask(nvme->dev, SZ_4K - 1);
	nvme->regs = pci_iomap(pdev, 0, 0);
	error = nvme->regs ? 0 : -ENODEV;
	if (error)
		goto release;
	nvme->cap = readq(nvme->regs + NVME_REG_CAP);
	depth = (u16)min_t(u32, NVME_CAP_MQES(nvme->cap) + 1, IO_DEPTH);
	error = alloc_queue(nvme, &nvme->admin, 0, ADMIN_DEPTH);
	if (!error)
		error = alloc_queue(nvme, &nvme->io, 1, depth);
	if (!error)
		error = create_pools(nvme);
	if (!error)
		error = alloc_irqs(nvme);
	if (!error)
		error = start(nvme);
	if (error)
		goto stop;
	pci_set_drvdata(pdev, nvme);
	the_nvme = nvme;
	return 0;

stop:
	disable_controller(nvme);
	free_irqs(nvme);
	destroy_pools(nvme);
	if (nvme->io.nvme)
		free_queue(&nvme->io);
	free_queue(&nvme->admin);
	pci_iounmap(pdev, nvme->regs);
release:
	pci_release_mem_regions(pdev);
disable:
	pci_disable_device(pdev);
free:
	kfree(nvme);
	dev_err(&pdev->dev, "does not come up: %d\n", error);
	return error;
}

static void nvme_remove(struct pci_dev *pdev)
{
	struct nvme_dev *nvme = pci_get_drvdata(pdev);

	the_nvme = NULL;
	change_queue(nvme, NVME_ADMIN_DELETE_SQ, 0, 0);
	change_queue(nvme, NVME_ADMIN_DELETE_CQ, 0, 0);
	disable_controller(nvme);
	reset_queue(&nvme->io);
	reset_queue(&nvme->admin);
	free_irqs(nvme);
	destroy_pools(nvme);
	free_queue(&nvme->io);
	free_queue(&nvme->admin);
	pci_iounmap(pdev, nvme->regs);
	pci_release_mem_regions(pdev);
	pci_disable_device(pdev);
	kfree(nvme);
}

/* A command has no answer: the controller is stopped, what it has ends, and it is started again. */
static int reset_controller(struct nvme_dev *nvme)
{
	dev_warn(nvme->dev, "does not answer: reset\n");
	disable_controller(nvme);
	reset_queue(&nvme->io);
	reset_queue(&nvme->admin);
	return start(nvme);
}

/* ---- Reads and writes -------------------------------------------------------------------------- */

/* One more piece of the buffer that the next read or write is of. */
int add_piece(void *data, u32 len)
{
	struct nvme_dev *nvme = the_nvme;
	struct nvme_piece *piece;

	if (!nvme)
		return -ENODEV;
	if (nvme->nr_pieces == MOST_PIECES)
		return -EINVAL;
	piece = &nvme->pieces[nvme->nr_pieces++];
	piece->phys = virt_to_phys(data);
	piece->len = len;
	return 0;
}

/* Sends a read or write of that buffer; gives its tag, or an error. */
int submit(bool is_write, u64 block)
{
	struct nvme_dev *nvme = the_nvme;
	struct nvme_command command = { .opcode = is_write ? NVME_WRITE : NVME_READ };
	struct nvme_io *io;
	u32 index, len = 0;
	int error;

	if (!nvme)
		return -ENODEV;
	for (index = 0; index < nvme->nr_pieces; index++)
		len += nvme->pieces[index].len;
	error = -EINVAL;
	if (!len || len > nvme->most_bytes || len & ((1U << nvme->block_shift) - 1))
		goto out;
	error = -EBUSY;
	io = take_io(&nvme->io);
	if (!io)
		goto out;
	io->len = len;
	io->dir = is_write ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
	command.nsid = cpu_to_le32(1);
	command.cdw10 = cpu_to_le32(lower_32_bits(block));
	command.cdw11 = cpu_to_le32(upper_32_bits(block));
	command.cdw12 = cpu_to_le32((len >> nvme->block_shift) - 1);
	error = map_data(nvme, io, &command);
	if (error) {
		io->busy = false;
		goto out;
	}
	send(&nvme->io, io, &command);
	error = (int)(io - nvme->io.ios);
out:
	nvme->nr_pieces = 0;
	return error;
}

/* Waits for the end of what was sent with a tag. */
int wait_for(int tag)
{
	struct nvme_dev *nvme = the_nvme;
	struct nvme_io *io;
	int error;

	if (!nvme || tag < 0 || tag >= nvme->io.depth || !nvme->io.ios[tag].busy)
		return -EINVAL;
	io = &nvme->io.ios[tag];
	if (waits_in_vain(&nvme->io, io)) {
		error = reset_controller(nvme);
		io->busy = false;
		return error ? error : -ETIMEDOUT;
	}
	error = error_of(io->status);
	io->busy = false;
	return error;
}

static const struct pci_device_id nvme_ids[] = {
	{ PCI_DEVICE_CLASS(PCI_CLASS_STORAGE_EXPRESS, 0xffffff) },
	{ 0 },
};

static struct pci_driver nvme_driver = {
	.name = "lab_nvme",
	.id_table = nvme_ids,
	.probe = nvme_probe,
	.remove = nvme_remove,
};

module_pci_driver(nvme_driver);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An NVMe driver for dmalab");

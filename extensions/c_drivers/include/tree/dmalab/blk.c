/*
 * The part of blk-mq that a driver sees: tag sets, queues of the hardware, requests from their allocation to
 * their end. A request is handed to the driver at once; none is merged, split, held back or timed out.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <dmalab/lab.h>

/* A queue with what stands for each of the hardware's. */
struct lab_queue {
	struct request_queue q;
	struct blk_mq_hw_ctx hardware[];
};

static struct lab_queue *lab_queue(struct request_queue *q)
{
	return container_of(q, struct lab_queue, q);
}

unsigned int blk_mq_num_possible_queues(unsigned int most)
{
	return most ? min(most, (unsigned int)NR_CPUS) : NR_CPUS;
}
EXPORT_SYMBOL(blk_mq_num_possible_queues);

static size_t request_bytes(const struct blk_mq_tag_set *set)
{
	return ALIGN(sizeof(struct request) + set->cmd_size, 8);
}

static void free_tags(struct blk_mq_tag_set *set, unsigned int index)
{
	struct blk_mq_tags *tags = set->tags[index];
	unsigned int at;

	if (!tags)
		return;
	for (at = 0; tags->static_rqs && at < tags->nr_tags; at++)
		if (tags->static_rqs[at] && set->ops->exit_request)
			set->ops->exit_request(set, tags->static_rqs[at], index);
	if (tags->static_rqs)
		kvfree(tags->static_rqs[0]);
	kfree(tags->static_rqs);
	kfree(tags->rqs);
	kfree(tags);
	set->tags[index] = NULL;
}

static int alloc_tags(struct blk_mq_tag_set *set, unsigned int index)
{
	struct blk_mq_tags *tags = kzalloc(sizeof(*tags), GFP_KERNEL);
	unsigned int at;
	void *requests;
	int error;

	if (!tags)
		return -ENOMEM;
	set->tags[index] = tags;
	tags->nr_tags = set->queue_depth;
	tags->nr_reserved_tags = set->reserved_tags;
	tags->rqs = kcalloc(tags->nr_tags, sizeof(*tags->rqs), GFP_KERNEL);
	tags->static_rqs = kcalloc(tags->nr_tags, sizeof(*tags->rqs), GFP_KERNEL);
	if (!tags->rqs || !tags->static_rqs)
		return -ENOMEM;
	requests = kvcalloc(tags->nr_tags, request_bytes(set), GFP_KERNEL);
	if (!requests)
		return -ENOMEM;
	for (at = 0; at < tags->nr_tags; at++) {
		struct request *rq = requests + at * request_bytes(set);

		rq->tag = at;
		error = set->ops->init_request ? set->ops->init_request(set, rq, index, NUMA_NO_NODE) : 0;
		if (error) {
			if (at == 0)
				kvfree(requests);
			return error;
		}
		tags->static_rqs[at] = rq;
	}
	return 0;
}

static void map_queues(struct blk_mq_tag_set *set)
{
	unsigned int at;

	for (at = 0; at < set->nr_maps; at++)
		if (set->map[at].nr_queues == 0)
			set->map[at].nr_queues = set->nr_hw_queues;
	if (set->ops->map_queues)
		set->ops->map_queues(set);
	else
		blk_mq_map_queues(&set->map[HCTX_TYPE_DEFAULT]);
}

void blk_mq_map_queues(struct blk_mq_queue_map *map)
{
	unsigned int cpu;

	for (cpu = 0; map->nr_queues && cpu < NR_CPUS; cpu++)
		map->mq_map[cpu] = map->queue_offset + cpu % map->nr_queues;
}
EXPORT_SYMBOL(blk_mq_map_queues);

void blk_mq_map_hw_queues(struct blk_mq_queue_map *map, struct device *dev, unsigned int offset)
{
	blk_mq_map_queues(map);
}
EXPORT_SYMBOL(blk_mq_map_hw_queues);

/* Its name until 6.13. */
void blk_mq_pci_map_queues(struct blk_mq_queue_map *map, struct pci_dev *pdev, int offset)
{
	blk_mq_map_queues(map);
}
EXPORT_SYMBOL(blk_mq_pci_map_queues);

void blk_mq_free_tag_set(struct blk_mq_tag_set *set)
{
	unsigned int at;

	for (at = 0; set->tags && at < set->nr_hw_queues; at++)
		free_tags(set, at);
	for (at = 0; at < HCTX_MAX_TYPES; at++) {
		kfree(set->map[at].mq_map);
		set->map[at].mq_map = NULL;
	}
	kfree(set->tags);
	set->tags = NULL;
}
EXPORT_SYMBOL(blk_mq_free_tag_set);

int blk_mq_alloc_tag_set(struct blk_mq_tag_set *set)
{
	unsigned int at;
	int error = -ENOMEM;

	if (!set->nr_maps)
		set->nr_maps = 1;
	set->tags = kcalloc(set->nr_hw_queues, sizeof(*set->tags), GFP_KERNEL);
	if (!set->tags)
		return error;
	for (at = 0; at < set->nr_maps; at++) {
		set->map[at].mq_map = kcalloc(NR_CPUS, sizeof(unsigned int), GFP_KERNEL);
		if (!set->map[at].mq_map)
			goto fail;
	}
	map_queues(set);
	for (at = 0; at < set->nr_hw_queues; at++) {
		error = alloc_tags(set, at);
		if (error)
			goto fail;
	}
	return 0;
fail:
	blk_mq_free_tag_set(set);
	return error;
}
EXPORT_SYMBOL(blk_mq_alloc_tag_set);

void blk_mq_update_nr_hw_queues(struct blk_mq_tag_set *set, int count)
{
	unsigned int at;

	for (at = 0; at < set->nr_maps; at++)
		set->map[at].nr_queues = 0;
	map_queues(set);
}
EXPORT_SYMBOL(blk_mq_update_nr_hw_queues);

static void leave_queues(struct request_queue *q, unsigned int count)
{
	while (count-- > 0)
		if (q->mq_ops->exit_hctx)
			q->mq_ops->exit_hctx(&lab_queue(q)->hardware[count], count);
}

struct request_queue *blk_mq_alloc_queue(struct blk_mq_tag_set *set, struct queue_limits *limits,
					 void *data)
{
	struct lab_queue *queue =
		kvzalloc(struct_size(queue, hardware, set->nr_hw_queues), GFP_KERNEL);
	unsigned int at;
	int error = 0;

	if (!queue)
		return ERR_PTR(-ENOMEM);
	queue->q.tag_set = set;
	queue->q.mq_ops = set->ops;
	queue->q.queuedata = data;
	queue->q.nr_hw_queues = set->nr_hw_queues;
	if (limits)
		queue->q.limits = *limits;
	for (at = 0; at < set->nr_hw_queues; at++) {
		struct blk_mq_hw_ctx *hctx = &queue->hardware[at];

		hctx->queue = &queue->q;
		hctx->queue_num = at;
		hctx->tags = set->tags[at];
		if (set->ops->init_hctx)
			error = set->ops->init_hctx(hctx, set->driver_data, at);
		if (error) {
			leave_queues(&queue->q, at);
			kvfree(queue);
			return ERR_PTR(error);
		}
	}
	return &queue->q;
}
EXPORT_SYMBOL(blk_mq_alloc_queue);

void blk_mq_destroy_queue(struct request_queue *q)
{
	leave_queues(q, q->nr_hw_queues);
}
EXPORT_SYMBOL(blk_mq_destroy_queue);

void blk_put_queue(struct request_queue *q)
{
	kvfree(lab_queue(q));
}
EXPORT_SYMBOL(blk_put_queue);

/* Queues that requests of a kind go through: those that are polled have queues of their own, where there are any. */
static enum hctx_type queues_for(struct blk_mq_tag_set *set, blk_opf_t op)
{
	return op & REQ_POLLED && set->nr_maps > HCTX_TYPE_POLL && set->map[HCTX_TYPE_POLL].nr_queues ?
	       HCTX_TYPE_POLL : HCTX_TYPE_DEFAULT;
}

/* A request of the queue that this CPU has. */
struct request *blk_mq_alloc_request(struct request_queue *q, blk_opf_t op, blk_mq_req_flags_t flags)
{
	const struct blk_mq_queue_map *map = &q->tag_set->map[queues_for(q->tag_set, op)];
	unsigned int index = map->mq_map[raw_smp_processor_id()];
	struct blk_mq_tags *tags = q->tag_set->tags[index];
	bool reserved = flags & BLK_MQ_REQ_RESERVED;
	unsigned int at = reserved ? 0 : tags->nr_reserved_tags;
	unsigned int end = reserved ? tags->nr_reserved_tags : tags->nr_tags;

	for (; at < end; at++) {
		struct request *rq = tags->static_rqs[at];

		if (atomic_read(&rq->ref))
			continue;
		tags->rqs[at] = rq;
		atomic_set(&rq->ref, 1);
		rq->q = q;
		rq->mq_hctx = &lab_queue(q)->hardware[index];
		rq->cmd_flags = op;
		rq->rq_flags = 0;
		rq->state = MQ_RQ_IDLE;
		rq->timeout = 0;
		rq->__data_len = 0;
		rq->bio = NULL;
		rq->biotail = NULL;
		rq->nr_phys_segments = 0;
		rq->nr_integrity_segments = 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
		rq->phys_gap_bit = 0;
#endif
		rq->end_io = NULL;
		rq->end_io_data = NULL;
		return rq;
	}
	return ERR_PTR(-EWOULDBLOCK);
}
EXPORT_SYMBOL(blk_mq_alloc_request);

void blk_mq_free_request(struct request *rq)
{
	rq->state = MQ_RQ_IDLE;
	atomic_set(&rq->ref, 0);
}
EXPORT_SYMBOL(blk_mq_free_request);

void blk_mq_start_request(struct request *rq)
{
	rq->state = MQ_RQ_IN_FLIGHT;
}
EXPORT_SYMBOL(blk_mq_start_request);

/* False: the driver completes it where it is. */
bool blk_mq_complete_request_remote(struct request *rq)
{
	rq->state = MQ_RQ_COMPLETE;
	return false;
}
EXPORT_SYMBOL(blk_mq_complete_request_remote);

void blk_mq_complete_request(struct request *rq)
{
	rq->state = MQ_RQ_COMPLETE;
	rq->q->mq_ops->complete(rq);
}
EXPORT_SYMBOL(blk_mq_complete_request);

static enum rq_end_io_ret ends(struct request *rq, blk_status_t status)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	return rq->end_io(rq, status, NULL);
#else
	return rq->end_io(rq, status);
#endif
}

void blk_mq_end_request(struct request *rq, blk_status_t status)
{
	if (!rq->end_io || ends(rq, status) == RQ_END_IO_FREE)
		blk_mq_free_request(rq);
}
EXPORT_SYMBOL(blk_mq_end_request);

void blk_mq_end_request_batch(struct io_comp_batch *batch)
{
	struct request *rq;

	while ((rq = rq_list_pop(&batch->req_list)))
		blk_mq_end_request(rq, BLK_STS_OK);
}
EXPORT_SYMBOL(blk_mq_end_request_batch);

void blk_execute_rq_nowait(struct request *rq, bool at_head)
{
	struct blk_mq_queue_data data = { .rq = rq, .last = true };
	blk_status_t status = rq->q->mq_ops->queue_rq(rq->mq_hctx, &data);

	if (status != BLK_STS_OK)
		blk_mq_end_request(rq, status);
}
EXPORT_SYMBOL(blk_execute_rq_nowait);

struct wait {
	struct completion done;
	blk_status_t status;
};

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
static enum rq_end_io_ret wakes(struct request *rq, blk_status_t status,
				const struct io_comp_batch *batch)
#else
static enum rq_end_io_ret wakes(struct request *rq, blk_status_t status)
#endif
{
	struct wait *wait = rq->end_io_data;

	wait->status = status;
	complete(&wait->done);
	return RQ_END_IO_NONE;
}

blk_status_t blk_execute_rq(struct request *rq, bool at_head)
{
	struct wait wait = {};

	init_completion(&wait.done);
	rq->end_io = wakes;
	rq->end_io_data = &wait;
	blk_execute_rq_nowait(rq, at_head);
	while (rq->cmd_flags & REQ_POLLED && !completion_done(&wait.done)) {
		udelay(1);
		rq->q->mq_ops->poll(rq->mq_hctx, NULL);
	}
	wait_for_completion(&wait.done);
	return wait.status;
}
EXPORT_SYMBOL(blk_execute_rq);

void blk_mq_tagset_busy_iter(struct blk_mq_tag_set *set, busy_tag_iter_fn *visit, void *data)
{
	unsigned int index, at;

	for (index = 0; set->tags && index < set->nr_hw_queues; index++)
		for (at = 0; at < set->tags[index]->nr_tags; at++) {
			struct request *rq = set->tags[index]->rqs[at];

			if (rq && rq->state != MQ_RQ_IDLE && !visit(rq, data))
				return;
		}
}
EXPORT_SYMBOL(blk_mq_tagset_busy_iter);

/* Disks of a driver: with a queue of their own and with the driver's, from their allocation to their last reference. */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/pci.h>
#include <linux/slab.h>

static int freed, hardware;

static blk_status_t queue_request(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	blk_mq_start_request(bd->rq);
	blk_mq_end_request(bd->rq, BLK_STS_OK);
	return BLK_STS_OK;
}

static int enter(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	hardware++;
	return 0;
}

static void leave(struct blk_mq_hw_ctx *hctx, unsigned int index)
{
	hardware--;
}

static const struct blk_mq_ops ops = { .queue_rq = queue_request, .init_hctx = enter, .exit_hctx = leave };

static void free_disk(struct gendisk *disk)
{
	freed++;
}

static const struct block_device_operations fops = { .free_disk = free_disk };

static int make_tags(struct blk_mq_tag_set *set)
{
	memset(set, 0, sizeof(*set));
	set->ops = &ops;
	set->nr_hw_queues = 2;
	set->queue_depth = 4;
	return blk_mq_alloc_tag_set(set);
}

static int send(struct request_queue *queue)
{
	struct request *rq = blk_mq_alloc_request(queue, REQ_OP_DRV_IN, 0);
	blk_status_t status;

	if (IS_ERR(rq))
		return PTR_ERR(rq);
	status = blk_execute_rq(rq, false);
	blk_mq_free_request(rq);
	return blk_status_to_errno(status);
}

/* Names a disk, gives it its size and adds it. */
static int add(struct pci_dev *pdev, struct gendisk *disk, const char *name)
{
	strscpy(disk->disk_name, name, DISK_NAME_LEN);
	disk->fops = &fops;
	set_capacity(disk, 2048);
	return device_add_disk(&pdev->dev, disk, NULL);
}

/* The disk has a queue of its own: del_gendisk() ends it, the last reference frees it. */
int disk_with_queue(struct pci_dev *pdev)
{
	struct blk_mq_tag_set set;
	struct gendisk *disk;
	int error = make_tags(&set);

	if (error)
		return error;
	freed = hardware = 0;
	disk = blk_mq_alloc_disk(&set, NULL, NULL);
	if (IS_ERR(disk)) {
		error = PTR_ERR(disk);
		goto no_disk;
	}
	error = add(pdev, disk, "lab0");
	if (error)
		goto out;
	error = send(disk->queue);
	if (!error && (hardware != 2 || get_capacity(disk) != 2048 || disk->queue->disk != disk))
		error = -EINVAL;
	del_gendisk(disk);
	if (!error && (hardware || freed))
		error = -EIO;
out:
	put_disk(disk);
no_disk:
	blk_mq_free_tag_set(&set);
	return error ? error : freed;
}

/* The driver has the queue, and destroys it after the disk. */
int disk_of_queue(struct pci_dev *pdev)
{
	struct blk_mq_tag_set set;
	struct request_queue *queue;
	struct gendisk *disk;
	int error = make_tags(&set);

	if (error)
		return error;
	freed = hardware = 0;
	queue = blk_mq_alloc_queue(&set, NULL, NULL);
	if (IS_ERR(queue)) {
		error = PTR_ERR(queue);
		goto no_queue;
	}
	disk = blk_mq_alloc_disk_for_queue(queue, NULL);
	if (!disk) {
		error = -ENOMEM;
		goto no_disk;
	}
	error = add(pdev, disk, "lab1");
	if (!error) {
		del_gendisk(disk);
		error = send(queue);
	}
	put_disk(disk);
	if (!error && (hardware != 2 || queue->disk))
		error = -EINVAL;
no_disk:
	blk_mq_destroy_queue(queue);
	blk_put_queue(queue);
no_queue:
	blk_mq_free_tag_set(&set);
	return error ? error : freed;
}

/* A disk that was not added: its functions are not told of its end. */
int disk_not_added(struct pci_dev *pdev)
{
	struct blk_mq_tag_set set;
	struct gendisk *disk;
	int error = make_tags(&set);

	if (error)
		return error;
	freed = hardware = 0;
	disk = blk_mq_alloc_disk(&set, NULL, NULL);
	if (IS_ERR(disk)) {
		error = PTR_ERR(disk);
	} else {
		disk->fops = &fops;
		del_gendisk(disk);
		put_disk(disk);
		if (hardware)
			error = -EIO;
	}
	blk_mq_free_tag_set(&set);
	return error ? error : freed;
}

/* Wrong: the disk was freed with its last reference. */
int disk_used_after_end(struct pci_dev *pdev)
{
	static struct blk_mq_tag_set set;
	struct gendisk *disk;
	int error = make_tags(&set);

	if (error)
		return error;
	disk = blk_mq_alloc_disk(&set, NULL, NULL);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	put_disk(disk);
	set_capacity(disk, 0);
	return 0;
}

/*
 * Disks as a driver sees them: a structure with its queue, its block device and its size, from its allocation to
 * its last reference. Nobody opens a disk or reads its partitions.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <dmalab/lab.h>

struct lab_disk {
	struct gendisk disk;
	struct block_device whole;
	bool owns_queue;
};

static void leave_queue(struct gendisk *disk)
{
	if (test_and_clear_bit(GD_OWNS_QUEUE, &disk->state))
		blk_mq_destroy_queue(disk->queue);
}

static void release(struct device *dev)
{
	struct lab_disk *made = container_of(dev, struct lab_disk, whole.bd_device);
	struct gendisk *disk = &made->disk;

	leave_queue(disk);
	disk->queue->disk = NULL;
	if (made->owns_queue)
		blk_put_queue(disk->queue);
	if (test_bit(GD_ADDED, &disk->state) && disk->fops->free_disk)
		disk->fops->free_disk(disk);
	kfree(made);
}

static struct gendisk *disk_of(struct request_queue *q, bool owns_queue)
{
	struct lab_disk *made = kzalloc(sizeof(*made), GFP_KERNEL);
	struct block_device *whole;

	if (!made)
		return NULL;
	whole = &made->whole;
	whole->bd_disk = &made->disk;
	whole->bd_queue = q;
	device_initialize(&whole->bd_device);
	whole->bd_device.release = release;
	made->disk.part0 = whole;
	made->disk.queue = q;
	mutex_init(&made->disk.open_mutex);
	made->owns_queue = owns_queue;
	if (owns_queue)
		set_bit(GD_OWNS_QUEUE, &made->disk.state);
	q->disk = &made->disk;
	return &made->disk;
}

struct gendisk *__blk_mq_alloc_disk(struct blk_mq_tag_set *set, struct queue_limits *limits, void *data,
				    struct lock_class_key *key)
{
	struct request_queue *q = blk_mq_alloc_queue(set, limits, data);
	struct gendisk *disk;

	if (IS_ERR(q))
		return ERR_CAST(q);
	disk = disk_of(q, true);
	if (!disk) {
		blk_mq_destroy_queue(q);
		blk_put_queue(q);
		return ERR_PTR(-ENOMEM);
	}
	return disk;
}
EXPORT_SYMBOL(__blk_mq_alloc_disk);

/* A disk of a queue that its driver has allocated, and destroys. */
struct gendisk *blk_mq_alloc_disk_for_queue(struct request_queue *q, struct lock_class_key *key)
{
	return disk_of(q, false);
}
EXPORT_SYMBOL(blk_mq_alloc_disk_for_queue);

int device_add_disk(struct device *parent, struct gendisk *disk, const struct attribute_group **groups)
{
	struct device *dev = disk_to_dev(disk);
	int error;

	if (!disk->fops)
		return -EINVAL;
	dev->parent = parent;
	error = dev_set_name(dev, "%s", disk->disk_name);
	if (!error)
		error = device_add(dev);
	if (!error)
		set_bit(GD_ADDED, &disk->state);
	return error;
}
EXPORT_SYMBOL(device_add_disk);

/* Does nothing for a disk that was not added. */
void del_gendisk(struct gendisk *disk)
{
	if (!test_bit(GD_ADDED, &disk->state))
		return;
	set_bit(GD_DEAD, &disk->state);
	device_del(disk_to_dev(disk));
	leave_queue(disk);
}
EXPORT_SYMBOL(del_gendisk);

void put_disk(struct gendisk *disk)
{
	if (disk)
		put_device(disk_to_dev(disk));
}
EXPORT_SYMBOL(put_disk);

void set_capacity(struct gendisk *disk, sector_t sectors)
{
	disk->part0->bd_nr_sectors = sectors;
}
EXPORT_SYMBOL(set_capacity);

void blk_mark_disk_dead(struct gendisk *disk)
{
	set_bit(GD_DEAD, &disk->state);
	set_capacity(disk, 0);
}
EXPORT_SYMBOL(blk_mark_disk_dead);

/* A request is handed to the driver at once, so none is on its way to it. */
void blk_mq_quiesce_queue(struct request_queue *q)
{
}
EXPORT_SYMBOL(blk_mq_quiesce_queue);

void blk_mq_unquiesce_queue(struct request_queue *q)
{
}
EXPORT_SYMBOL(blk_mq_unquiesce_queue);

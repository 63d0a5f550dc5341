/*
 * Hosts of SCSI: a host with what its driver and its transport keep in it, from its allocation to its last reference.
 * No device is found on it.
 */
#include <linux/device.h>
#include <linux/slab.h>
#include <linux/transport_class.h>
#include <scsi/scsi_host.h>
#include <scsi/scsi_transport.h>
#include <dmalab/lab.h>

static void release(struct device *dev)
{
	struct Scsi_Host *host = container_of(dev, struct Scsi_Host, shost_gendev);

	kfree(host->shost_data);
	kfree(host);
}

static const struct device_type of_hosts = { .name = "scsi_host", .release = release };

/* For a driver without a transport. */
static struct scsi_transport_template no_transport = {};

int scsi_is_host_device(const struct device *dev)
{
	return dev->type == &of_hosts;
}
EXPORT_SYMBOL(scsi_is_host_device);

struct Scsi_Host *scsi_host_alloc(const struct scsi_host_template *template, int bytes)
{
	static unsigned int hosts;
	struct Scsi_Host *host = kzalloc(sizeof(*host) + bytes, GFP_KERNEL);

	if (!host)
		return NULL;
	spin_lock_init(&host->default_lock);
	host->host_lock = &host->default_lock;
	mutex_init(&host->scan_mutex);
	init_waitqueue_head(&host->host_wait);
	INIT_LIST_HEAD(&host->__devices);
	INIT_LIST_HEAD(&host->__targets);
	INIT_LIST_HEAD(&host->eh_cmd_q);
	host->hostt = template;
	host->host_no = hosts++;
	host->this_id = template->this_id;
	host->can_queue = template->can_queue;
	host->sg_tablesize = template->sg_tablesize;
	host->cmd_per_lun = template->cmd_per_lun;
	host->max_sectors = template->max_sectors;
	host->max_channel = 0;
	host->max_id = 8;
	host->max_lun = 8;
	host->transportt = &no_transport;
	device_initialize(&host->shost_gendev);
	host->shost_gendev.type = &of_hosts;
	if (!dev_set_name(&host->shost_gendev, "host%d", host->host_no))
		return host;
	put_device(&host->shost_gendev);
	return NULL;
}
EXPORT_SYMBOL(scsi_host_alloc);

int scsi_add_host_with_dma(struct Scsi_Host *host, struct device *dev, struct device *dma_dev)
{
	int error;

	if (!host->can_queue)
		return -EINVAL;
	if (host->transportt->host_size && !host->shost_data) {
		host->shost_data = kzalloc(host->transportt->host_size, GFP_KERNEL);
		if (!host->shost_data)
			return -ENOMEM;
	}
	host->shost_gendev.parent = dev;
	host->dma_dev = dma_dev;
	error = device_add(&host->shost_gendev);
	if (error)
		return error;
	transport_register_device(&host->shost_gendev);
	host->shost_state = SHOST_RUNNING;
	return 0;
}
EXPORT_SYMBOL(scsi_add_host_with_dma);

/* Does nothing for a host that was not added. */
void scsi_remove_host(struct Scsi_Host *host)
{
	bool is_added = host->shost_state == SHOST_RUNNING;

	host->shost_state = SHOST_DEL;
	if (!is_added)
		return;
	transport_unregister_device(&host->shost_gendev);
	device_del(&host->shost_gendev);
}
EXPORT_SYMBOL(scsi_remove_host);

struct Scsi_Host *scsi_host_get(struct Scsi_Host *host)
{
	get_device(&host->shost_gendev);
	return host;
}
EXPORT_SYMBOL(scsi_host_get);

void scsi_host_put(struct Scsi_Host *host)
{
	put_device(&host->shost_gendev);
}
EXPORT_SYMBOL(scsi_host_put);

/* Hosts of SCSI: a host with what its driver keeps in it; no device is found on it. */
#include <linux/slab.h>
#include <scsi/scsi_host.h>
#include <dmalab/lab.h>

struct Scsi_Host *scsi_host_alloc(const struct scsi_host_template *template, int bytes)
{
	struct Scsi_Host *host = kzalloc(sizeof(*host) + bytes, GFP_KERNEL);

	if (!host)
		return NULL;
	spin_lock_init(&host->default_lock);
	host->host_lock = &host->default_lock;
	INIT_LIST_HEAD(&host->__devices);
	INIT_LIST_HEAD(&host->__targets);
	INIT_LIST_HEAD(&host->eh_cmd_q);
	host->hostt = template;
	host->this_id = template->this_id;
	host->can_queue = template->can_queue;
	host->sg_tablesize = template->sg_tablesize;
	host->cmd_per_lun = template->cmd_per_lun;
	host->max_sectors = template->max_sectors;
	host->max_channel = 0;
	host->max_id = 8;
	host->max_lun = 8;
	kref_init(&host->shost_gendev.kobj.kref);
	return host;
}
EXPORT_SYMBOL(scsi_host_alloc);

int scsi_add_host_with_dma(struct Scsi_Host *host, struct device *dev, struct device *dma_dev)
{
	if (!host->can_queue)
		return -EINVAL;
	host->shost_gendev.parent = dev;
	host->dma_dev = dma_dev;
	host->shost_state = SHOST_RUNNING;
	return 0;
}
EXPORT_SYMBOL(scsi_add_host_with_dma);

void scsi_remove_host(struct Scsi_Host *host)
{
	host->shost_state = SHOST_DEL;
}
EXPORT_SYMBOL(scsi_remove_host);

struct Scsi_Host *scsi_host_get(struct Scsi_Host *host)
{
	kref_get(&host->shost_gendev.kobj.kref);
	return host;
}
EXPORT_SYMBOL(scsi_host_get);

static void release(struct kref *kref)
{
	kfree(container_of(kref, struct Scsi_Host, shost_gendev.kobj.kref));
}

void scsi_host_put(struct Scsi_Host *host)
{
	kref_put(&host->shost_gendev.kobj.kref, release);
}
EXPORT_SYMBOL(scsi_host_put);

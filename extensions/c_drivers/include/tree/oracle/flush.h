/* What domains of the comparison have in common: invalidations are noted, not done. */
#ifndef DMALAB_ORACLE_FLUSH_H
#define DMALAB_ORACLE_FLUSH_H

#include <linux/iommu.h>
#include "drivers/iommu/iommu-pages.h"

enum lab_flush { LAB_RANGE, LAB_ALL, LAB_WALK };
void lab_flush(enum lab_flush what, unsigned long first, unsigned long last);

static void lab_flush_all(struct iommu_domain *domain)
{
	lab_flush(LAB_ALL, 0, 0);
}

static void lab_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	lab_flush(LAB_RANGE, gather->start, gather->end);
	iommu_put_pages_list(&gather->freelist);
}

#endif

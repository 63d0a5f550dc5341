/* What a driver of an IOMMU shares with the architecture. */
#ifndef DMALAB_TREE_IOMMU_H
#define DMALAB_TREE_IOMMU_H

struct acpi_dmar_reserved_memory;

extern int force_iommu, no_iommu;
extern int iommu_detected;

/* Cycles that a unit has for an operation. */
#define DMAR_OPERATION_TIMEOUT 10000000ull

static inline int arch_rmrr_sanity_check(struct acpi_dmar_reserved_memory *rmrr)
{
	return 0;
}

#endif

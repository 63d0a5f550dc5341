/* A domain whose page table is one of the tree's generic ones. */
#include "oracle/flush.h"
#include <linux/generic_pt/iommu.h>

enum lab_format { LAB_VTDSS, LAB_AMDV1, LAB_X86_64 };

static DEFINE_SPINLOCK(lab_top);
static union {
	struct iommu_domain domain;
	struct pt_iommu_vtdss vtdss;
	struct pt_iommu_amdv1 amdv1;
	struct pt_iommu_x86_64 x86_64;
} lab_table;

static void lab_change_top(struct pt_iommu *table, phys_addr_t top, unsigned int level)
{
}

static spinlock_t *lab_top_lock(struct pt_iommu *table)
{
	return &lab_top;
}

static const struct pt_iommu_driver_ops lab_driver_ops = {
	.change_top = lab_change_top,
	.get_top_lock = lab_top_lock,
};

#define LAB_FORMAT(format)                                  \
	static const struct iommu_domain_ops lab_ops_##format = { \
		IOMMU_PT_DOMAIN_OPS(format),                    \
		.flush_iotlb_all = lab_flush_all,               \
		.iotlb_sync = lab_sync,                         \
	}
LAB_FORMAT(vtdss);
LAB_FORMAT(amdv1);
LAB_FORMAT(x86_64);

static int lab_make(enum lab_format format, unsigned int bits)
{
	const struct pt_iommu_cfg common = {
		.features = BIT(PT_FEAT_FLUSH_RANGE),
		.hw_max_vasz_lg2 = bits,
		.hw_max_oasz_lg2 = 52,
	};
	const unsigned int top = bits > 48 ? 4 : bits > 39 ? 3 : 2;

	lab_table.vtdss.iommu.nid = NUMA_NO_NODE;
	lab_table.vtdss.iommu.driver_ops = &lab_driver_ops;
	if (format == LAB_VTDSS) {
		struct pt_iommu_vtdss_cfg cfg = { .common = common, .top_level = top };

		lab_table.domain.ops = &lab_ops_vtdss;
		return pt_iommu_vtdss_init(&lab_table.vtdss, &cfg, GFP_KERNEL);
	}
	if (format == LAB_X86_64) {
		struct pt_iommu_x86_64_cfg cfg = { .common = common, .top_level = top };

		cfg.common.features |= BIT(PT_FEAT_SIGN_EXTEND);
		lab_table.domain.ops = &lab_ops_x86_64;
		return pt_iommu_x86_64_init(&lab_table.x86_64, &cfg, GFP_KERNEL);
	}
	struct pt_iommu_amdv1_cfg cfg = { .common = common, .starting_level = 2 };

	cfg.common.features |= BIT(PT_FEAT_DYNAMIC_TOP) | BIT(PT_FEAT_AMDV1_FORCE_COHERENCE) |
			       BIT(PT_FEAT_AMDV1_ENCRYPT_TABLES);
	lab_table.domain.ops = &lab_ops_amdv1;
	return pt_iommu_amdv1_init(&lab_table.amdv1, &cfg, GFP_KERNEL);
}

/* page_sizes: those that it may use; 0 for all that the format has. */
struct iommu_domain *lab_generic_domain(enum lab_format format, unsigned int bits, unsigned long page_sizes)
{
	if (lab_make(format, bits))
		return NULL;
	if (page_sizes)
		lab_table.domain.pgsize_bitmap = page_sizes;
	return &lab_table.domain;
}

/* Its top table; the number of levels is in the low bits. */
unsigned long lab_generic_top(enum lab_format format)
{
	if (format == LAB_VTDSS) {
		struct pt_iommu_vtdss_hw_info info;

		pt_iommu_vtdss_hw_info(&lab_table.vtdss, &info);
		return info.ssptptr | (info.aw + 2);
	}
	if (format == LAB_X86_64) {
		struct pt_iommu_x86_64_hw_info info;

		pt_iommu_x86_64_hw_info(&lab_table.x86_64, &info);
		return info.gcr3_pt | info.levels;
	}
	struct pt_iommu_amdv1_hw_info info;

	pt_iommu_amdv1_hw_info(&lab_table.amdv1, &info);
	return info.host_pt_root | info.mode;
}

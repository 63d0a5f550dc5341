// SPDX-License-Identifier: MIT
/* The format includes headers by names that macros make; here they are named for the search of files. */
#if 0
#include "drivers/iommu/generic_pt/fmt/defs_vtdss.h"
#include "drivers/iommu/generic_pt/fmt/vtdss.h"
#endif
#include "drivers/iommu/generic_pt/fmt/iommu_vtdss.c"

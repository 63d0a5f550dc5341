// SPDX-License-Identifier: MIT
/* The format includes headers by names that macros make; here they are named for the search of files. */
#if 0
#include "drivers/iommu/generic_pt/fmt/defs_x86_64.h"
#include "drivers/iommu/generic_pt/fmt/x86_64.h"
#endif
#include "drivers/iommu/generic_pt/fmt/iommu_x86_64.c"

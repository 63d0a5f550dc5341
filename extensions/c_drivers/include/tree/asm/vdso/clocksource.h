#ifndef DMALAB_TREE_VDSO_CLOCKSOURCE_H
#define DMALAB_TREE_VDSO_CLOCKSOURCE_H

/* No clock of these machines can be read outside of the kernel. */

#endif

/* 3.4 divided it: these have what it had. */
#include <linux/irqflags.h>
#include <asm/barrier.h>
#include <asm/cmpxchg.h>

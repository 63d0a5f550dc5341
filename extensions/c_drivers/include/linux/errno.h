#ifndef DMALAB_LINUX_ERRNO_H
#define DMALAB_LINUX_ERRNO_H

#include <dmalab/errno.h>

/* What no call here gives, and drivers do. */
#define EINTR 4
#define E2BIG 7
#define EBADE 52
#define ETIME 62
#define EMSGSIZE 90
#define ECANCELED 125
#define ERESTARTSYS 512
#define EPROBE_DEFER 517
#define ENOTSUPP 524

#endif

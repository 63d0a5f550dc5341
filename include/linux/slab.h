#ifndef DMALAB_LINUX_SLAB_H
#define DMALAB_LINUX_SLAB_H

#include <linux/kernel.h>
#include <linux/gfp.h>
#include <linux/string.h>
#include <dmalab/calls/slab.h>

#define kzalloc(size, gfp) kmalloc(size, (gfp) | __GFP_ZERO)
#define kmalloc_array(n, size, gfp) kmalloc(size_mul(n, size), gfp)
#define kcalloc(n, size, gfp) kmalloc(size_mul(n, size), (gfp) | __GFP_ZERO)
#define kmalloc_node(size, gfp, node) kmalloc(size, gfp)
#define kzalloc_node(size, gfp, node) kzalloc(size, gfp)
#define kcalloc_node(n, size, gfp, node) kcalloc(n, size, gfp)
#define kfree_sensitive(p) kfree(p)
#define vmalloc(size) kvmalloc(size, GFP_KERNEL)
#define vzalloc(size) kvmalloc(size, GFP_KERNEL | __GFP_ZERO)
#define kvzalloc(size, gfp) kvmalloc(size, (gfp) | __GFP_ZERO)
#define kvmalloc_array(n, size, gfp) kvmalloc(size_mul(n, size), gfp)
#define kvcalloc(n, size, gfp) kvmalloc(size_mul(n, size), (gfp) | __GFP_ZERO)
#define vfree(p) kfree(p)
#define kvfree(p) kfree(p)

#endif

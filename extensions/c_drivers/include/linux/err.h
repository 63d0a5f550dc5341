#ifndef DMALAB_LINUX_ERR_H
#define DMALAB_LINUX_ERR_H

#include <linux/errno.h>
#include <linux/compiler.h>

#define MAX_ERRNO 4095
#define IS_ERR_VALUE(x) ((unsigned long)(void *)(x) >= (unsigned long)-MAX_ERRNO)

DMALAB_INLINE void *ERR_PTR(long error)
{
	return (void *)error;
}

DMALAB_INLINE long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}

DMALAB_INLINE bool IS_ERR(const void *ptr)
{
	return IS_ERR_VALUE(ptr);
}

DMALAB_INLINE bool IS_ERR_OR_NULL(const void *ptr)
{
	return !ptr || IS_ERR_VALUE(ptr);
}

DMALAB_INLINE void *ERR_CAST(const void *ptr)
{
	return (void *)ptr;
}

DMALAB_INLINE int PTR_ERR_OR_ZERO(const void *ptr)
{
	return IS_ERR(ptr) ? (int)PTR_ERR(ptr) : 0;
}

#endif

#ifndef DMALAB_LINUX_STRING_H
#define DMALAB_LINUX_STRING_H

#include <linux/types.h>

DMALAB_C void *memcpy(void *to, const void *from, size_t size);
DMALAB_C void *memmove(void *to, const void *from, size_t size);
DMALAB_C void *memset(void *to, int byte, size_t size);
DMALAB_C int memcmp(const void *one, const void *other, size_t size);
DMALAB_C size_t strlen(const char *text);
DMALAB_C int strcmp(const char *one, const char *other);

#endif

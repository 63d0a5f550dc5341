/* Copies of texts and memory. */
#include <linux/device.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

/* What the tree's headers wrap in macros is defined by the name that they call. */
#ifdef kmemdup
#undef kmemdup
#define kmemdup kmemdup_noprof
#endif
EXPORT_SYMBOL(kmemdup_noprof);
void *kmemdup(const void *from, size_t bytes, gfp_t gfp)
{
	void *to = kmalloc(bytes, gfp);

	return to ? memcpy(to, from, bytes) : NULL;
}

/* Memory of whole pages: `__vmalloc()` is the lab's. */
#define VMALLOC(function, flags)                                  \
	void *function(unsigned long bytes)                       \
	{                                                         \
		return __vmalloc(bytes, GFP_KERNEL | (flags));    \
	}
#ifdef vmalloc
#undef vmalloc
#undef vzalloc
#define vmalloc vmalloc_noprof
#define vzalloc vzalloc_noprof
#endif
VMALLOC(vmalloc, 0)
EXPORT_SYMBOL(vmalloc_noprof);
VMALLOC(vzalloc, __GFP_ZERO)
EXPORT_SYMBOL(vzalloc_noprof);
#ifdef vcalloc
#undef __vmalloc_array
#undef vmalloc_array
#undef __vcalloc
#undef vcalloc
static void *array(size_t count, size_t bytes, gfp_t flags)
{
	size_t all;

	return __builtin_mul_overflow(count, bytes, &all) ? NULL : __vmalloc(all, flags);
}

void *__vmalloc_array_noprof(size_t count, size_t bytes, gfp_t flags)
{
	return array(count, bytes, flags);
}
EXPORT_SYMBOL(__vmalloc_array_noprof);

void *vmalloc_array_noprof(size_t count, size_t bytes)
{
	return array(count, bytes, GFP_KERNEL);
}
EXPORT_SYMBOL(vmalloc_array_noprof);

void *__vcalloc_noprof(size_t count, size_t bytes, gfp_t flags)
{
	return array(count, bytes, flags | __GFP_ZERO);
}
EXPORT_SYMBOL(__vcalloc_noprof);

void *vcalloc_noprof(size_t count, size_t bytes)
{
	return array(count, bytes, GFP_KERNEL | __GFP_ZERO);
}
EXPORT_SYMBOL(vcalloc_noprof);
#endif
#ifdef vzalloc_node
#undef vzalloc_node
#define vzalloc_node vzalloc_node_noprof
#endif
void *vzalloc_node(unsigned long bytes, int node)
{
	return vzalloc(bytes);
}
EXPORT_SYMBOL(vzalloc_node_noprof);

/* The tree's own reads whole words, beyond the end of a text. */
ssize_t sized_strscpy(char *to, const char *from, size_t room)
{
	size_t at;

	for (at = 0; at < room; at++) {
		to[at] = from[at];
		if (!from[at])
			return at;
	}
	if (room)
		to[room - 1] = 0;
	return -E2BIG;
}
EXPORT_SYMBOL(sized_strscpy);

char *kstrdup(const char *text, gfp_t gfp)
{
	return text ? kmemdup(text, strlen(text) + 1, gfp) : NULL;
}
EXPORT_SYMBOL(kstrdup);

char *kmemdup_nul(const char *from, size_t bytes, gfp_t gfp)
{
	char *to = from ? kmalloc(bytes + 1, gfp) : NULL;

	if (!to)
		return NULL;
	memcpy(to, from, bytes);
	to[bytes] = 0;
	return to;
}
EXPORT_SYMBOL(kmemdup_nul);

const char *kstrdup_const(const char *text, gfp_t gfp)
{
	return kstrdup(text, gfp);
}
EXPORT_SYMBOL(kstrdup_const);

void kfree_const(const void *text)
{
	kfree(text);
}
EXPORT_SYMBOL(kfree_const);

void *devm_kmemdup(struct device *dev, const void *from, size_t bytes, gfp_t gfp)
{
	void *to = devm_kmalloc(dev, bytes, gfp);

	return to ? memcpy(to, from, bytes) : NULL;
}
EXPORT_SYMBOL(devm_kmemdup);

char *devm_kstrdup(struct device *dev, const char *text, gfp_t gfp)
{
	return text ? devm_kmemdup(dev, text, strlen(text) + 1, gfp) : NULL;
}
EXPORT_SYMBOL(devm_kstrdup);

char *devm_kvasprintf(struct device *dev, gfp_t gfp, const char *format, va_list given)
{
	va_list again;
	unsigned int length;
	char *text;

	va_copy(again, given);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	text = devm_kmalloc(dev, length + 1, gfp);
	if (text)
		vsnprintf(text, length + 1, format, given);
	return text;
}
EXPORT_SYMBOL(devm_kvasprintf);

char *devm_kasprintf(struct device *dev, gfp_t gfp, const char *format, ...)
{
	va_list given;
	char *text;

	va_start(given, format);
	text = devm_kvasprintf(dev, gfp, format, given);
	va_end(given);
	return text;
}
EXPORT_SYMBOL(devm_kasprintf);

/* All CPUs have the same copy of what is one for each: offsets of CPUs are zero. */
void __percpu *pcpu_alloc_noprof(size_t bytes, size_t align, bool reserved, gfp_t gfp)
{
	return (void __percpu __force *)kzalloc(bytes, gfp);
}
EXPORT_SYMBOL(pcpu_alloc_noprof);

void free_percpu(void __percpu *data)
{
	kfree((void __force *)data);
}
EXPORT_SYMBOL(free_percpu);

/* A scenario's C plays the user: its memory is the driver's own. */
unsigned long raw_copy_from_user(void *to, const void __user *from, unsigned long bytes)
{
	memcpy(to, (const void __force *)from, bytes);
	return 0;
}

unsigned long raw_copy_to_user(void __user *to, const void *from, unsigned long bytes)
{
	memcpy((void __force *)to, from, bytes);
	return 0;
}

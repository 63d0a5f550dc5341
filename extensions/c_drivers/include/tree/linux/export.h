/* Symbols are exported by assembler there; here the linker knows them all. */
#ifndef DMALAB_TREE_EXPORT_H
#define DMALAB_TREE_EXPORT_H
#include <linux/compiler.h>
#include <linux/linkage.h>
#include <linux/stringify.h>
#define EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_GPL(name)
#define EXPORT_SYMBOL_NS(name, space)
#define EXPORT_SYMBOL_NS_GPL(name, space)
#define EXPORT_SYMBOL_FOR_MODULES(name, modules)
#define EXPORT_SYMBOL_GPL_FOR_MODULES(name, modules)
#define __EXPORT_SYMBOL(...)
#define _EXPORT_SYMBOL(...)
#endif

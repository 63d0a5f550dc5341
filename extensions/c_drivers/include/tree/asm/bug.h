/* BUG() is an import that ends the driver with its place; WARN() is the tree's own, whose function
 * warn_slowpath_fmt() is given file and line. */
#ifndef DMALAB_TREE_BUG_H
#define DMALAB_TREE_BUG_H

void lab_bug(const char *file, int line) __attribute__((noreturn));
#define HAVE_ARCH_BUG
#define BUG() lab_bug(__FILE__, __LINE__)

#include <asm-generic/bug.h>

#endif

/* No process has memory that a driver could reach. */
#ifndef DMALAB_TREE_UACCESS_H
#define DMALAB_TREE_UACCESS_H

unsigned long raw_copy_to_user(void __user *to, const void *from, unsigned long size);
unsigned long raw_copy_from_user(void *to, const void __user *from, unsigned long size);
#define __put_user_fn(size, user, kernel) (-EFAULT)
#define __get_user_fn(size, user, kernel) (-EFAULT)
#include <asm-generic/uaccess.h>

#endif

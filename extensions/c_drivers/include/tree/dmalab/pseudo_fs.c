/* File systems that a part of the kernel mounts for itself: their anonymous inodes. Nobody opens a file of them. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/slab.h>

static struct super_block super;
static struct vfsmount mounted = { .mnt_sb = &super };

struct vfsmount *kern_mount(struct file_system_type *type)
{
	return &mounted;
}
EXPORT_SYMBOL_GPL(kern_mount);

void kern_unmount(struct vfsmount *mount)
{
}
EXPORT_SYMBOL(kern_unmount);

int simple_pin_fs(struct file_system_type *type, struct vfsmount **mount, int *count)
{
	*mount = &mounted;
	++*count;
	return 0;
}
EXPORT_SYMBOL(simple_pin_fs);

void simple_release_fs(struct vfsmount **mount, int *count)
{
	if (!--*count)
		*mount = NULL;
}
EXPORT_SYMBOL(simple_release_fs);

int register_filesystem(struct file_system_type *type)
{
	return 0;
}
EXPORT_SYMBOL(register_filesystem);

int unregister_filesystem(struct file_system_type *type)
{
	return 0;
}
EXPORT_SYMBOL(unregister_filesystem);

struct inode *alloc_anon_inode(struct super_block *sb)
{
	struct inode *inode = kzalloc(sizeof(*inode), GFP_KERNEL);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	atomic_set(&inode->i_count, 1);
	inode->i_sb = sb;
	inode->i_mapping = &inode->i_data;
	inode->i_data.host = inode;
	inode->i_mode = S_IRUSR | S_IWUSR;
	return inode;
}
EXPORT_SYMBOL(alloc_anon_inode);

void ihold(struct inode *inode)
{
	atomic_inc(&inode->i_count);
}
EXPORT_SYMBOL(ihold);

void iput(struct inode *inode)
{
	if (inode && atomic_dec_and_test(&inode->i_count))
		kfree(inode);
}
EXPORT_SYMBOL(iput);

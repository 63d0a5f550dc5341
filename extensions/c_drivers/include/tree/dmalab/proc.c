/*
 * Entries of /proc as a driver sees them: from their creation to their removal, with what is below them. Nobody
 * opens one.
 */
#include <linux/list.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/string.h>

struct proc_dir_entry {
	struct list_head list;
	struct proc_dir_entry *parent;
	char name[];
};

static LIST_HEAD(entries);

static struct proc_dir_entry *create(const char *name, struct proc_dir_entry *parent)
{
	struct proc_dir_entry *entry = kzalloc(sizeof(*entry) + strlen(name) + 1, GFP_KERNEL);

	if (!entry)
		return NULL;
	strcpy(entry->name, name);
	entry->parent = parent;
	list_add(&entry->list, &entries);
	return entry;
}

struct proc_dir_entry *_proc_mkdir(const char *name, umode_t mode, struct proc_dir_entry *parent, void *data,
				   bool force_lookup)
{
	return create(name, parent);
}
EXPORT_SYMBOL(_proc_mkdir);

struct proc_dir_entry *proc_mkdir(const char *name, struct proc_dir_entry *parent)
{
	return create(name, parent);
}
EXPORT_SYMBOL(proc_mkdir);

struct proc_dir_entry *proc_mkdir_data(const char *name, umode_t mode, struct proc_dir_entry *parent, void *data)
{
	return create(name, parent);
}
EXPORT_SYMBOL(proc_mkdir_data);

struct proc_dir_entry *proc_mkdir_mode(const char *name, umode_t mode, struct proc_dir_entry *parent)
{
	return create(name, parent);
}
EXPORT_SYMBOL(proc_mkdir_mode);

struct proc_dir_entry *proc_symlink(const char *name, struct proc_dir_entry *parent, const char *target)
{
	return create(name, parent);
}
EXPORT_SYMBOL(proc_symlink);

struct proc_dir_entry *proc_create(const char *name, umode_t mode, struct proc_dir_entry *parent,
				   const struct proc_ops *ops)
{
	return create(name, parent);
}
EXPORT_SYMBOL(proc_create);

struct proc_dir_entry *proc_create_data(const char *name, umode_t mode, struct proc_dir_entry *parent,
					const struct proc_ops *ops, void *data)
{
	return create(name, parent);
}
EXPORT_SYMBOL(proc_create_data);

struct proc_dir_entry *proc_create_seq_private(const char *name, umode_t mode, struct proc_dir_entry *parent,
					       const struct seq_operations *ops, unsigned int state_size,
					       void *data)
{
	return create(name, parent);
}
EXPORT_SYMBOL(proc_create_seq_private);

struct proc_dir_entry *proc_create_single_data(const char *name, umode_t mode, struct proc_dir_entry *parent,
					       int (*show)(struct seq_file *, void *), void *data)
{
	return create(name, parent);
}
EXPORT_SYMBOL(proc_create_single_data);

void proc_set_size(struct proc_dir_entry *entry, loff_t size)
{
}
EXPORT_SYMBOL(proc_set_size);

void proc_set_user(struct proc_dir_entry *entry, kuid_t uid, kgid_t gid)
{
}
EXPORT_SYMBOL(proc_set_user);

/* An entry of a name below another one; for NULL, of any name. */
static struct proc_dir_entry *below(const struct proc_dir_entry *parent, const char *name)
{
	struct proc_dir_entry *entry;

	list_for_each_entry(entry, &entries, list)
		if (entry->parent == parent && (!name || !strcmp(entry->name, name)))
			return entry;
	return NULL;
}

void proc_remove(struct proc_dir_entry *entry)
{
	struct proc_dir_entry *inner;

	if (!entry)
		return;
	while ((inner = below(entry, NULL)))
		proc_remove(inner);
	list_del(&entry->list);
	kfree(entry);
}
EXPORT_SYMBOL(proc_remove);

void remove_proc_entry(const char *name, struct proc_dir_entry *parent)
{
	proc_remove(below(parent, name));
}
EXPORT_SYMBOL(remove_proc_entry);

int remove_proc_subtree(const char *name, struct proc_dir_entry *parent)
{
	struct proc_dir_entry *entry = below(parent, name);

	proc_remove(entry);
	return entry ? 0 : -ENOENT;
}
EXPORT_SYMBOL(remove_proc_subtree);

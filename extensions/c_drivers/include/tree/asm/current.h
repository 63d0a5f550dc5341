#ifndef DMALAB_TREE_CURRENT_H
#define DMALAB_TREE_CURRENT_H

struct task_struct;
struct task_struct *lab_current(void);
#define get_current() lab_current()
#define current lab_current()

#endif

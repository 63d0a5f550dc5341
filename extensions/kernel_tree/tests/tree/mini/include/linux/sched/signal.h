#pragma once
static inline int signal_pending(void *task)
{
	return task != 0;
}

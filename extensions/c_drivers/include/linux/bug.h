#ifndef DMALAB_LINUX_BUG_H
#define DMALAB_LINUX_BUG_H

#include <linux/compiler.h>
#include <dmalab/calls/bug.h>

#define WARN_ON(condition)                                   \
	__extension__({                                      \
		bool warn_ = !!(condition);                  \
		if (unlikely(warn_))                         \
			dmalab_warn(#condition);             \
		unlikely(warn_);                             \
	})
#define WARN_ON_ONCE(condition)                              \
	__extension__({                                      \
		static bool warned_;                         \
		bool warn_ = !!(condition);                  \
		if (unlikely(warn_ && !warned_)) {           \
			warned_ = true;                      \
			dmalab_warn(#condition);             \
		}                                            \
		unlikely(warn_);                             \
	})
#define WARN(condition, ...) WARN_ON(condition)
#define WARN_ONCE(condition, ...) WARN_ON_ONCE(condition)
#define BUG() dmalab_bug("BUG()")
#define BUG_ON(condition)                                    \
	do {                                                 \
		if (unlikely(condition))                     \
			dmalab_bug(#condition);              \
	} while (0)
#ifdef __cplusplus
#define BUILD_BUG_ON(condition) static_assert(!(condition), #condition)
#else
#define BUILD_BUG_ON(condition) _Static_assert(!(condition), #condition)
#define static_assert _Static_assert
#endif

#endif

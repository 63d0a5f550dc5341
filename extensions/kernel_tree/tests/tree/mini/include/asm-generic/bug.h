void warn_slowpath_fmt(const char *file, const int line, unsigned int taint, const char *format, ...);
#define WARN_ON(condition) \
	({ if (condition) warn_slowpath_fmt(__FILE__, __LINE__, 9, (const char *)0); })
#define BUG_ON(condition) do { if (condition) BUG(); } while (0)

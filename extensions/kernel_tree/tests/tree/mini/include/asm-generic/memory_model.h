#define page_to_pfn __page_to_pfn
#define pfn_to_page __pfn_to_page

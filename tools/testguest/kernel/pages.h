/* Memory by pages. What is used grows from the bottom, what Xen gets back is taken from the top. */
#ifndef PAGES_H
#define PAGES_H
#include "lib.h"

void pages_init(void);
/* NULL when there is none left; the content is undefined. */
void *page_alloc(void);
void page_free(void *page);
/* Pages that lie together. */
void *pages_alloc(unsigned long count);
void pages_free(void *first, unsigned long count);

/* RAM held, in pages, and how many of them nobody uses at the top. */
unsigned long pages_held(void);
unsigned long pages_spare(void);
/* Both give the number of pages by which RAM really shrank or grew. */
unsigned long pages_shrink(unsigned long count);
unsigned long pages_grow(unsigned long count);
#endif

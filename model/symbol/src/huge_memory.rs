//! Memory of large tables: huge memory pages, and when a table grows.

/// A hash table grows when more than this of a hundred of its lines are used.
pub const FILL_PERCENT_MAX: usize = 45;

/// A vector of `count` copies of a value, in huge memory pages where the system gives them when asked: a table that is
/// looked up all over costs the processor a walk through its page tables at nearly every look-up otherwise.
pub fn filled<T: Clone>(count: usize, value: T) -> Vec<T> {
    let mut values = Vec::with_capacity(count);
    #[cfg(target_os = "linux")]
    ask_for_huge_pages(&values);
    values.resize(count, value);
    values
}

/// Asks the system to back a vector's memory, which nothing has touched yet, with huge pages.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages<T>(values: &Vec<T>) {
    const HUGE_PAGE_BYTES: usize = 2 << 20;
    let (from, bytes) = (values.as_ptr() as usize, values.capacity() * size_of::<T>());
    let start = from.next_multiple_of(HUGE_PAGE_BYTES);
    let end = (from + bytes) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    if start < end {
        // SAFETY: advice about whole pages inside an allocation of our own; it changes nothing that a program can see,
        // and a system that does not know it says so, which does no harm.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
    }
}

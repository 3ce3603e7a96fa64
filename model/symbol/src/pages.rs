//! Memory of large tables.

/// So many copies of a value, in large pages where the system gives them when asked: a table that is looked up all over
/// costs the processor a walk through its page tables at nearly every look-up otherwise.
pub fn filled<T: Clone>(n: usize, value: T) -> Vec<T> {
    let mut v = Vec::with_capacity(n);
    #[cfg(target_os = "linux")]
    ask_for_large_pages(&v);
    v.resize(n, value);
    v
}

#[cfg(target_os = "linux")]
fn ask_for_large_pages<T>(v: &Vec<T>) {
    const LARGE: usize = 2 << 20;
    let (from, bytes) = (v.as_ptr() as usize, v.capacity() * size_of::<T>());
    let (start, end) = (from.next_multiple_of(LARGE), (from + bytes) / LARGE * LARGE);
    if start < end {
        // SAFETY: advice about whole pages inside an allocation of our own; it changes nothing that a program can see, and
        // a system that does not know it says so, which does no harm.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
    }
}

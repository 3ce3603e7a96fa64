//! The compiled variants of every hot function, and the choice between them.

use std::sync::OnceLock;

/// A compiled variant of the functions in a [`kernels!`](crate::kernels) block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// AVX-512 F/BW/DQ/VL.
    Avx512,
    /// AVX2 with FMA.
    Avx2,
    /// What every processor of this architecture has, without fused multiply-add.
    Portable,
}

impl Kernel {
    /// The fastest kernel that this machine has. `SURMISE_KERNEL=portable|avx2|avx512` in the environment asks for a
    /// slower one; a kernel that the machine lacks is not used.
    ///
    /// The choice is made once for a process, in a `OnceLock`: it depends on the machine and the environment alone, so
    /// nothing that is computed depends on which thread asked first.
    #[inline]
    pub fn detect() -> Kernel {
        static DETECTED: OnceLock<Kernel> = OnceLock::new();
        *DETECTED.get_or_init(|| {
            let best = Self::best();
            match std::env::var("SURMISE_KERNEL").ok().as_deref() {
                Some("portable") => Kernel::Portable,
                Some("avx2") if best != Kernel::Portable => Kernel::Avx2,
                _ => best,
            }
        })
    }

    #[cfg(target_arch = "x86_64")]
    fn best() -> Kernel {
        use std::arch::is_x86_feature_detected as has;
        // the features of the levels v3 and v4 of x86-64 that `kernels!` turns on
        let v3 = has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("lzcnt");
        if v3 && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
            Kernel::Avx512
        } else if v3 {
            Kernel::Avx2
        } else {
            Kernel::Portable
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn best() -> Kernel {
        Kernel::Portable
    }

    /// The kernel's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Avx512 => "avx512",
            Kernel::Avx2 => "avx2",
            Kernel::Portable => "portable",
        }
    }

    /// The name of the kernel's arithmetic, part of a checkpoint's identity: kernels of one arithmetic agree bit for
    /// bit.
    pub fn arithmetic(self) -> &'static str {
        match self {
            Kernel::Avx512 | Kernel::Avx2 => "fused16",
            Kernel::Portable => "plain16",
        }
    }
}

/// Compiles each function once for every [`Kernel`] and calls the one that [`Kernel::detect`] names.
///
/// A function that multiplies and adds names a constant in brackets, `fn dot[FMA](..)`: it is true in kernels that
/// fuse, and the body passes it on to the functions of this crate, as in [`madd::<FMA>`](crate::madd). A function that
/// only adds, compares or moves leaves the brackets out. Other functions that a body calls must be
/// `#[inline(always)]`, or they are compiled without the kernel's instructions.
#[macro_export]
macro_rules! kernels {
    ($( $(#[$m:meta])* $v:vis fn $n:ident $([$fma:ident])? ($($a:ident: $t:ty),* $(,)?) $(-> $r:ty)? $b:block )*) => { $(
        $(#[$m])*
        #[allow(clippy::too_many_arguments)]
        #[inline]
        $v fn $n($($a: $t),*) $(-> $r)? {
            #[inline(always)]
            fn body<$(const $fma: bool)?>($($a: $t),*) $(-> $r)? $b
            #[cfg(target_arch = "x86_64")]
            {
                // the same body thrice, inlined into functions that may use more instructions
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt")]
                fn v4($($a: $t),*) $(-> $r)? {
                    body::<$({ $crate::kernels!(@fuses $fma true) })?>($($a),*)
                }
                #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt")]
                fn v3($($a: $t),*) $(-> $r)? {
                    body::<$({ $crate::kernels!(@fuses $fma true) })?>($($a),*)
                }
                match $crate::Kernel::detect() {
                    // SAFETY: `detect` returned a kernel whose features this machine has.
                    $crate::Kernel::Avx512 => unsafe { v4($($a),*) },
                    // SAFETY: as above.
                    $crate::Kernel::Avx2 => unsafe { v3($($a),*) },
                    $crate::Kernel::Portable => body::<$({ $crate::kernels!(@fuses $fma false) })?>($($a),*),
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            body::<$({ $crate::kernels!(@fuses $fma false) })?>($($a),*)
        }
    )* };
    // the value of a function's constant, for a function that has one
    (@fuses $fma:ident $value:literal) => { $value };
}

"""PyTorch's library, oneDNN 3, on virtual machines that hide their caches: it takes each for one byte, chooses poorly by that,
and in some convolutions divides by zero. `tell_caches` writes usual sizes where the library keeps them."""
import ctypes
import re
import struct

SYMBOL = "_ZN4dnnl4impl3cpu8platform23get_per_core_cache_sizeEi"
# What CPUs with AVX-512 have at least, bytes per core.
SIZES = (32 << 10, 1 << 20, 4 << 20)
# Ten sizes, by how many cores each is shared, and how many there are: as they stand when the CPU says nothing.
HIDDEN = struct.pack("<21I", *([1, 1, 1] + [0] * 7) * 2, 3)
TOLD = struct.pack("<10I", *SIZES, *[0] * 7)


def tell_caches():
    """Nothing where the library knows of caches."""
    loaded = [line.split()[-1] for line in open("/proc/self/maps") if "libdnnl.so" in line]
    if not loaded:
        return
    size_of = getattr(ctypes.CDLL(loaded[0]), SYMBOL, None)
    if size_of is None or size_of(1) > 1:
        return
    previous = ""
    for line in open("/proc/self/maps"):
        begin, end, rights, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)", line).groups()
        # What a library writes lies in its file's pages and right behind them.
        if "w" in rights and ("libdnnl.so" in name or (name == "" and "libdnnl.so" in previous)):
            begin, end = int(begin, 16), int(end, 16)
            place = ctypes.string_at(begin, end - begin).find(HIDDEN)
            if place >= 0:
                ctypes.memmove(begin + place, TOLD, len(TOLD))
        previous = name

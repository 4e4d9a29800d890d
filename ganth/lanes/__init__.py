"""Vector types for loops on the CPU where LLVM finds neither the register tiles nor the full vector width."""

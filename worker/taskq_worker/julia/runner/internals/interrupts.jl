# Interrupts, as by Ctrl-C

"Have interrupts wait from now on, except within `reenable_sigint`: what `disable_sigint` does, for good."
hold_interrupts!() = ccall(:jl_sigatomic_begin, Cvoid, ())

"Have an interrupt throw an `InterruptException`, and not end the process, as it does where Julia runs a program."
survive_interrupts!() = ccall(:jl_exit_on_sigint, Cvoid, (Cint,), 0)

// Memory that has been freed, for others.
#pragma once

namespace relais {

// From now on the allocator gives back to the system at once what becomes free in pieces of 64 KiB
// or more. By itself it keeps that until it is looked for again, which may be never: a start with a
// long queue leaves a fifth of its memory so. What messages need in passing is smaller. With
// another allocator than mimalloc, which the program is linked with where it was built with it, it
// does nothing.
void give_back_free_memory();

}  // namespace relais

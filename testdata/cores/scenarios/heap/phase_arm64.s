#include "textflag.h"

// func marking() bool
TEXT ·marking(SB), NOSPLIT, $0-1
	MOVBU runtime·writeBarrier(SB), R0
	MOVB  R0, ret+0(FP)
	RET

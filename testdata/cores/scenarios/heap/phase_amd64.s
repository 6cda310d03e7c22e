#include "textflag.h"

// func marking() bool
TEXT ·marking(SB), NOSPLIT, $0-1
	MOVBLZX runtime·writeBarrier(SB), AX
	MOVB AX, ret+0(FP)
	RET

package main

import (
	"context"
	"runtime"
)

// cpuLoad wants a whole CPU until it is ended.
func cpuLoad(ctx context.Context) {
	runtime.GOMAXPROCS(1)
	for x := uint64(1); ; x++ {
		if x&0xfffffff == 0 && ctx.Err() != nil {
			return
		}
	}
}

//go:build !go1.21

package main

// background is the type of context.Background().
const background = "context.emptyCtx"

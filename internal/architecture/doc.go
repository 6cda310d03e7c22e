// Package architecture holds the test that keeps the imports of this module on
// a one-way street. It has no code of its own.
package architecture

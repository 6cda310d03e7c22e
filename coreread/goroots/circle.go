package goroots

import (
	"fmt"

	"postmortem/coreread/image"
)

// circle finds out, sooner or later, that a list runs in one (Brent's algorithm).
type circle struct {
	known        image.Addr
	steps, power int
}

// check is called with every record of a list.
func (c *circle) check(at image.Addr) error {
	if at == c.known && c.steps > 0 {
		return fmt.Errorf("the list runs in a circle at %v", at)
	}
	if c.steps++; c.steps >= c.power {
		c.known, c.power = at, 2*c.steps
	}
	return nil
}

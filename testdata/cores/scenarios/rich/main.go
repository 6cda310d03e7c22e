// Rich is a web server and its clients in one process, which dies in the way named by its argument, after having printed what
// it knows of itself. It uses a large part of the standard library, so that its stacks look like those of a real server.
package main

import "os"

func main() {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "crashserver":
			crashServer()
		case "crashserver2":
			crashServerOtherBug()
		case "serve":
			serveUntilKilled()
		}
	}
	println("usage: rich crashserver|crashserver2|serve")
	os.Exit(2)
}

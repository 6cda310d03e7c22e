package main

func selects() {}

func held() {}

func named() {}

func contextsAndTimers() {}

func descriptors() {}

func versioned() {}

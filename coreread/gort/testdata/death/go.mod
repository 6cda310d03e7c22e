module example.com/death

go 1.18

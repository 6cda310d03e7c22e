module example.com/cthread

go 1.18

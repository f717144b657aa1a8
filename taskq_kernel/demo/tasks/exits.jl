# A program that ends its process (fails on purpose)
#
# A script that was written for the command line says exit(3) where something is wrong. Here
# that ends one task; the next one gets a new Julia process.
data = Float64[]
if isempty(data)
    println("no data")
    exit(3)
end
sum(data) / length(data)

function begin(hash)
end
